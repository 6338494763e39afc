// The newest ratings. Township only: a single rating is never shown with its window.
import { byId, make, mark, put, shade, show } from "./slot.js";
import { words } from "./words.js";

export class Feed {
  constructor(slots = 4) {
    this.rows = Array.from({ length: slots }, () => {
      const slot = (name) => make("span", name);
      const parts = [make("time"), slot("place"), slot("late"), slot("mark"), slot("level")];
      const row = make("li", "off", ...parts);
      row.parts = parts;
      return row;
    });
    byId("feed-list").append(...this.rows);
  }

  paint({ feed }, places, clock) {
    this.rows.forEach((row, at) => {
      const rating = feed[at];
      shade(row, "off", !rating);
      if (!rating) return;
      const [time, place, late, sign, level] = row.parts;
      const township = places.of(rating.township);
      put(time, `${rating.estimated ? words.about : ""}${clock.seconds.format(rating.at)}`);
      put(place, `${township.county.short} ${township.name}`);
      put(late, rating.late ? words.late : "");
      mark(sign, "class", `mark l${rating.level}`);
      put(level, words.level[rating.level]);
      shade(time, "estimated", rating.estimated);
      mark(row, "data-at", rating.at);
      mark(row, "data-level", rating.level);
    });
    show(byId("feed-empty"), feed.length === 0);
    put(byId("feed-empty"), words.noFeed);
  }
}
