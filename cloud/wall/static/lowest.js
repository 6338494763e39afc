// The windows whose upper bound is lowest, each with its interval on a scale from 0 to 100.
import { byId, make, mark, put, shade, show, style } from "./slot.js";
import { counted } from "./unit.js";
import { grouped, tenth, words } from "./words.js";

export const windowName = (row, places) => words.window(places.of(row.township).name, row.number);

export class Lowest {
  constructor(slots = 3) {
    this.rows = Array.from({ length: slots }, () => {
      const track = make("span", "track", make("i"), make("u"));
      const parts = [make("span", "place"), track, make("b"), make("span", "count")];
      const row = make("li", "off", ...parts);
      row.parts = parts;
      return row;
    });
    byId("lowest-list").append(...this.rows);
  }

  paint({ lowest, least }, places) {
    this.rows.forEach((row, at) => {
      const window = lowest[at];
      shade(row, "off", !window);
      if (!window) return;
      const [place, track, score, count] = row.parts;
      put(place, windowName(window, places));
      style(track.firstChild, "left", `${window.low}%`);
      style(track.firstChild, "right", `${(100 - window.high).toFixed(1)}%`);
      style(track.lastChild, "left", `${window.score}%`);
      put(score, tenth(window.score));
      put(count, grouped(counted(window)));
      mark(row, "data-window", window.window);
    });
    show(byId("lowest-empty"), lowest.length === 0);
    put(byId("lowest-empty"), words.noLowest(least));
  }
}
