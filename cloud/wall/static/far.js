// The far view, composed: the city, eleven counties, what is waiting, and one line of alerts. Ids: see wall.js.
import { Alerts } from "./alerts.js";
import { Counties } from "./counties.js";
import { paintHero } from "./hero.js";
import { live } from "./live.js";
import { byId, mark, numbered } from "./slot.js";

live((places) => {
  const counties = new Counties(places);
  const alerts = new Alerts();
  return (picture, names, clock) => {
    paintHero(picture);
    numbered("nodes-offline", picture.nodes.offline);
    mark(byId("nodes-offline"), "data-level", picture.nodes.offline ? "warn" : "calm");
    counties.paint(picture);
    alerts.paint(picture, names, clock);
  };
});
