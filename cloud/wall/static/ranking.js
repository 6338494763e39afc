// The counties by score, best first; those with too few ratings stand last, grey, with their count.
import { byId, fill, make, mark, put, style } from "./slot.js";
import { colour, counted, few, unitOf } from "./unit.js";
import { grouped, tenth } from "./words.js";

export class Ranking {
  constructor(places) {
    this.counties = places.counties;
    this.rows = places.counties.map(() => {
      const bar = make("span", "bar", make("i", "l3"), make("i", "l2"), make("i", "l1"));
      const slot = (name) => make("span", name);
      const parts = [slot("rank"), slot("chip"), slot("name"), bar, make("b"), slot("count")];
      const row = make("li", "", ...parts);
      row.parts = parts;
      return row;
    });
    byId("ranking-list").replaceChildren(...this.rows);
  }

  paint({ counties }) {
    const order = this.counties
      .map((county) => ({ county, unit: unitOf(counties, county.code) }))
      .sort(
        (a, b) =>
          few(a.unit) - few(b.unit) ||
          (few(a.unit) ? counted(b.unit) - counted(a.unit) : b.unit.score - a.unit.score) ||
          (a.county.code < b.county.code ? -1 : 1),
      );
    order.forEach(({ county, unit }, at) => {
      const row = this.rows[at];
      const [rank, chip, name, bar, score, count] = row.parts;
      put(rank, few(unit) ? "–" : at + 1);
      put(name, county.short);
      colour(chip, unit);
      fill(bar, few(unit) ? [0, 0, 0] : unit.n);
      style(score, "fontWeight", few(unit) ? "400" : "700");
      put(score, few(unit) ? "—" : tenth(unit.score));
      put(count, grouped(counted(unit)));
      mark(row, "data-county", county.code);
    });
  }
}
