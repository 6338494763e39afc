// One tile a township, in blocks by county. A sketch of where they lie, no map geometry.
import { byId, make, put, shade } from "./slot.js";
import { colour, few, figure, unitOf } from "./unit.js";
import { lang, syllables, words } from "./words.js";

// Rows of [county, tiles across]; every row is 15 tiles wide. Counties not named here follow in rows of their own.
const SKETCH = [
  [["371726", 4], ["371725", 5], ["371724", 4], ["371772", 2]],
  [["371728", 3], ["371702", 4], ["371771", 2], ["371703", 3], ["371723", 3]],
  [["371721", 8], ["371722", 7]],
];

export const sketched = (counties) => {
  const left = new Map(counties.map((county) => [county.code, county]));
  const known = SKETCH.map((row) => row.filter(([code]) => left.has(code)));
  const rows = known.map((row) => row.map(([code, across]) => [left.get(code), across]));
  for (const [code] of SKETCH.flat()) left.delete(code);
  return [...rows, ...[...left.values()].map((county) => [[county, 15]])].filter((row) => row.length > 0);
};

export class Mosaic {
  constructor(places) {
    this.tiles = new Map();
    this.heads = new Map();
    byId("blocks").replaceChildren(
      ...sketched(places.counties).map((row) => make("div", "blocks-row", ...row.map((pair) => this.#block(...pair)))),
    );
    this.legend = [0, 1, 2, 3, 4, "small", "none"].map((bin) => {
      const chip = make("i");
      chip.dataset.bin = bin;
      return make("li", "", chip, make("span"));
    });
    byId("legend").append(...this.legend);
  }

  #block(county, across) {
    const head = make("span");
    this.heads.set(county.code, head);
    const list = make("ul", "", ...county.townships.map((township) => this.#tile(township)));
    list.style.gridTemplateColumns = `repeat(${across}, var(--tile))`;
    list.ariaLabel = county.short;
    const block = make("div", "block", make("h3", "", make("span", "", county.short), head), list);
    block.dataset.county = county.code;
    return block;
  }

  #tile({ code, short }) {
    const long = lang === "zh" && short.length > 3;
    const name = make("span", long ? "long" : "", lang === "en" ? syllables(short) : short);
    const tile = make("li", "tile", name, make("b"));
    tile.dataset.code = code;
    tile.dataset.bin = "none";
    this.tiles.set(code, tile);
    return tile;
  }

  paint({ townships, counties, bins, least }) {
    for (const [code, tile] of this.tiles) {
      const unit = unitOf(townships, code);
      // A unit that changed came as another object; of 167 townships some five change in a frame.
      if (tile.unit === unit) continue;
      tile.unit = unit;
      colour(tile, unit);
      put(tile.lastChild, figure(unit, ""));
    }
    for (const [code, head] of this.heads) {
      const unit = unitOf(counties, code);
      put(head, figure(unit));
      shade(head, "few", few(unit));
    }
    const between = bins.slice(1).map((edge, at) => `${bins[at]}–${edge}`);
    const texts = [`<${bins[0]}`, ...between, `≥${bins[bins.length - 1]}`, words.few(least), words.untouched];
    texts.forEach((text, at) => put(this.legend[at].lastChild, text));
  }
}
