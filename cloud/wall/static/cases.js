// Open cases: how many, how many overdue, and the worst of them. Only what everybody may see by now comes here at all,
// and moments to the hour, so ages are days of the calendar.
import { byId, make, mark, put, shade, show } from "./slot.js";
import { grouped, words } from "./words.js";

export const caseName = (row, places) => {
  const { county, short } = places.of(row.township);
  return words.window(`${county.short} ${short}`.trim(), row.number);
};

export class Cases {
  constructor(slots = 6) {
    this.rows = Array.from({ length: slots }, () => {
      const parts = ["tag", "place", "age"].map((name) => make("span", name));
      const row = make("li", "off", ...parts);
      row.parts = parts;
      return row;
    });
    byId("case-list").append(...this.rows);
  }

  paint({ cases, day }, places, clock) {
    put(byId("cases-open"), words.open(grouped(cases.open)));
    mark(byId("cases-open"), "data-count", cases.open);
    put(byId("cases-overdue"), words.overdue(grouped(cases.overdue)));
    mark(byId("cases-overdue"), "data-count", cases.overdue);
    shade(byId("cases-overdue"), "off", cases.overdue === 0);
    this.rows.forEach((row, at) => {
      const open = cases.list[at];
      shade(row, "off", !open);
      mark(row, "data-case", open?.case);
      if (!open) return;
      const [tag, place, age] = row.parts;
      put(tag, words.case[open.state] ?? open.state);
      put(place, caseName(open, places));
      const days = clock.daysUntil(day, open.opened_at);
      put(age, `${open.overdue ? "! " : ""}${days > 0 ? words.days(grouped(days)) : words.today}`);
      mark(row, "data-state", open.state);
      mark(row, "data-overdue", open.overdue);
    });
    show(byId("cases-empty"), cases.open === 0);
    put(byId("cases-empty"), words.noCases);
  }
}
