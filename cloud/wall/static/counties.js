// The far view's cells: a county each with its townships as small squares, and one for what waits to be sent.
import { sketched } from "./mosaic.js";
import { urgency } from "./path.js";
import { byId, make, mark, put, shade } from "./slot.js";
import { colour, few, figure, unitOf } from "./unit.js";
import { grouped, words } from "./words.js";

export class Counties {
  constructor(places) {
    this.cells = new Map();
    this.squares = new Map();
    const ordered = sketched(places.counties).flat().map(([county]) => county);
    byId("cells").append(...ordered.map((county) => this.#cell(county)), this.#waiting());
  }

  #cell(county) {
    const list = make("ul", "", ...county.townships.map(({ code, short }) => {
      const square = make("li", "tile");
      square.dataset.code = code;
      square.title = short;
      this.squares.set(code, square);
      return square;
    }));
    list.ariaLabel = words.townships;
    const cell = make("div", "cell", make("i"), make("h3", "", county.short), make("b"), list);
    cell.dataset.county = county.code;
    this.cells.set(county.code, cell);
    return cell;
  }

  #waiting() {
    this.count = make("b");
    this.count.id = "waiting-count";
    this.age = make("p");
    return make("div", "cell", make("i"), make("h3", "", words.waiting), this.count, this.age);
  }

  paint({ counties, townships, nodes }) {
    for (const [code, cell] of this.cells) {
      const unit = unitOf(counties, code);
      const [stripe, , number] = cell.children;
      colour(stripe, unit);
      put(number, figure(unit));
      shade(number, "few", few(unit));
    }
    for (const [code, square] of this.squares) colour(square, unitOf(townships, code));
    put(this.count, grouped(nodes.waiting));
    mark(this.count, "data-count", nodes.waiting);
    mark(this.count, "data-level", urgency(nodes.oldest_ms));
    put(this.age, nodes.oldest_ms === null ? words.noWaiting : words.oldest(nodes.oldest_ms));
  }
}
