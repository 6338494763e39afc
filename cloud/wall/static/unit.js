// A unit of the board: {n: [satisfied, basic, dissatisfied], score, bin}. The server gives score and bin;
// bin null says that the sample is too small to be coloured or ranked.
import { mark } from "./slot.js";
import { grouped, tenth } from "./words.js";

const NOBODY = { n: [0, 0, 0], score: null, bin: null };

export const unitOf = (units, code) => units[code] ?? NOBODY;
export const counted = ({ n }) => n[0] + n[1] + n[2];
export const few = ({ bin }) => bin === null;

// The score, or for a small sample how many it rests on.
export function figure(unit, nothing = "—") {
  if (!few(unit)) return tenth(unit.score);
  return counted(unit) ? `n=${grouped(counted(unit))}` : nothing;
}

// Colour and what tests read, of a tile or any other place that stands for a unit.
export function colour(element, unit) {
  mark(element, "data-bin", unit.bin ?? (counted(unit) ? "small" : "none"));
  mark(element, "data-count", counted(unit));
  mark(element, "data-score", unit.score);
}
