// The near view, composed. What tests may rely on, in both views unless said:
//
//   body[data-state]                  loading | live | stale
//   #stale                            the banner, [hidden] unless no usable arrival for 5 s; #stale-age its age
//   #pill-word, #clock, #date (near)  data age and the city's clock
//   #city-score[data-score]           percent with one decimal, "" before the first rating of the day
//   #today-count[data-count]          ratings counted today; near: #count-3, #count-2, #count-1 by level; #share-3..1 in both
//   #nodes-offline[data-count]        near also #nodes-online, #nodes-waiting; far: #waiting-count
//   .tile[data-code]                  a township: data-count, data-score, data-bin = 0..4 | small | none
//   #city-interval                    text only
//   near: #total-count[data-count], #position, #seal[data-number] ("" before the first one),
//         #path-rate, #path-p50, #path-p99, #path-oldest, #path-quarantined[data-count], #path-uncounted[data-count],
//         #ranking-list > li[data-county], #lowest-list > li[data-window], #node-list > li[data-node][data-level = warn | alarm],
//         #cases-open[data-count], #cases-overdue[data-count],
//         #case-list > li[data-case][data-state = the case's][data-overdue = true | false],
//         #feed-list > li[data-at][data-level], #charts svg[data-count][data-week = how many scores of last week],
//         #week-change[data-change = points above last week, "" if not known]; an unused row has the class "off"
//   far:  .cell[data-county], #alert-cases[data-count][data-overdue = how many][data-level = fine | none | alarm], #alert-nodes[data-level], #alert-lowest[data-level] = fine | warn | alarm | none
import { Cases } from "./cases.js";
import { Feed } from "./feed.js";
import { paintHero } from "./hero.js";
import { live } from "./live.js";
import { Lowest } from "./lowest.js";
import { Mosaic } from "./mosaic.js";
import { Nodes } from "./nodes.js";
import { paintPath } from "./path.js";
import { Ranking } from "./ranking.js";
import { byId } from "./slot.js";
import { Trend } from "./trend.js";

live((places) => {
  const parts = [new Nodes(), new Mosaic(places), new Cases(), new Ranking(places), new Lowest(), new Feed()];
  const trends = ["minute", "hour", "day"].map((kind) => new Trend(kind));
  byId("charts").replaceChildren(...trends.map((trend) => trend.figure));
  let charted = null;
  return (picture, names, clock) => {
    paintHero(picture);
    paintPath(picture);
    for (const part of parts) part.paint(picture, names, clock);
    // Once in a second of the city: a chart moves by less than its line is thick, and drawing it is dear.
    const second = Math.floor(clock.now / 1000);
    if (second === charted) return;
    charted = second;
    for (const trend of trends) {
      const kind = trend.kind;
      trend.paint(picture.trends[kind], picture.trends.estimated[kind], picture.last_week[kind], clock);
    }
  };
});
