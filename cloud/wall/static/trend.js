// One chart: the score by minute, hour or day over bars that say on how many ratings it rests, and, thin and dashed, what
// it was a week before.
// The axis does not start at zero and says so with labels at its ends; where nobody rated there is no line.
import { draw, make, mark, put } from "./slot.js";
import { grouped, tenth, words } from "./words.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [32, 300, 10, 82];
const [BARS_TOP, BARS_BOTTOM] = [90, 110];

// Ends of the axis in percent: whole twos, fives or tens around the scores, at least ten apart, the scores amid them.
export function axis(scores) {
  if (scores.length === 0) return [0, 100];
  const [least, most] = [Math.min(...scores), Math.max(...scores)];
  const step = most - least > 25 ? 10 : most - least > 8 ? 5 : 2;
  const [floor, ceiling] = [Math.floor(least / step) * step, Math.ceil(most / step) * step];
  const room = Math.max(0, 10 - (ceiling - floor));
  const high = Math.min(100, ceiling + Math.floor(room / 2 / step) * step);
  const low = Math.max(0, Math.min(floor, high - 10));
  return [low, Math.max(high, low + 10)];
}

const range = (scores) => `${tenth(Math.min(...scores))}–${tenth(Math.max(...scores))}`;

// A line through the known scores, broken where there is none. `alone(at)` is drawn for one without neighbours.
function through(scores, point, alone) {
  let line = "";
  let singles = "";
  scores.forEach((score, at) => {
    if (score === null) return;
    const [before, after] = [scores[at - 1] ?? null, scores[at + 1] ?? null];
    line += `${before === null ? "M" : "L"}${point(at)}`;
    if (before === null && after === null) singles += alone(at);
  });
  return [line, singles];
}

export class Trend {
  constructor(kind) {
    this.kind = kind;
    this.range = make("span", "range");
    this.last = make("b");
    const part = (name) => draw("path", { class: name });
    const text = (x, y, anchor) => draw("text", { x, y, "text-anchor": anchor });
    this.paths = { grid: part("grid"), bars: part("bars"), guess: part("guess"), week: part("week"), line: part("line"), dots: part("dots"), last: part("last") };
    this.high = text(LEFT - 6, TOP + 5, "end");
    this.low = text(LEFT - 6, BOTTOM + 5, "end");
    this.from = text(LEFT, 127, "start");
    this.to = text(RIGHT, 127, "end");
    this.none = text((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2 + 5, "middle");
    const texts = [this.high, this.low, this.from, this.to, this.none];
    this.svg = draw("svg", { viewBox: "0 0 306 130", role: "img" }, ...Object.values(this.paths), ...texts);
    const caption = make("figcaption", "", make("span", "", words.trends[kind]), this.range, this.last);
    this.figure = make("figure", "", caption, this.svg);
    const rules = [TOP, (TOP + BOTTOM) / 2, BOTTOM, BARS_BOTTOM];
    mark(this.paths.grid, "d", rules.map((y) => `M${LEFT} ${y}H${RIGHT}`).join(""));
  }

  // `estimated`: [start, count] of the buckets in which the time of some ratings is an estimate; they are hatched.
  // `week`: the score a week before each bucket, or one of them all.
  paint(points, estimated, week, clock) {
    const scores = points.map((point) => point[1]);
    const known = scores.filter((score) => score !== null);
    const before = Array.isArray(week) ? week : points.map(() => week);
    const knownBefore = before.filter((score) => score !== null);
    const [low, high] = axis([...known, ...knownBefore]);
    const step = (RIGHT - LEFT) / points.length;
    const x = (at) => (LEFT + (at + 0.5) * step).toFixed(1);
    const y = (score) => (BOTTOM - ((score - low) / (high - low)) * (BOTTOM - TOP)).toFixed(1);
    const dot = (at) => `M${x(at)} ${y(scores[at])}h0`;
    const [line, dots] = through(scores, (at) => `${x(at)} ${y(scores[at])}`, dot);
    const dash = (at) => `M${(LEFT + at * step).toFixed(1)} ${y(before[at])}h${step.toFixed(1)}`;
    const [weekLine, dashes] = through(before, (at) => `${x(at)} ${y(before[at])}`, dash);
    const lastAt = scores.findLastIndex((score) => score !== null);
    const most = Math.max(1, ...points.map((point) => point[2]));
    const bars = points.map(([, , count], at) => {
      if (!count) return "";
      const height = Math.max(1.5, (count / most) * (BARS_BOTTOM - BARS_TOP));
      const width = Math.max(1, step - 1);
      const left = (LEFT + at * step + (step - width) / 2).toFixed(1);
      return `M${left} ${BARS_BOTTOM}v${-height.toFixed(1)}h${width.toFixed(1)}V${BARS_BOTTOM}z`;
    });
    const guesses = new Map(estimated);
    const hatches = points.map(([start, , count], at) => {
      const guess = Math.min(count, guesses.get(start) ?? 0);
      if (!guess) return "";
      const [left, right] = [LEFT + at * step + 0.5, LEFT + (at + 1) * step - 0.5].map((x) => x.toFixed(1));
      const top = BARS_BOTTOM - Math.max(2, (guess / most) * (BARS_BOTTOM - BARS_TOP));
      const rows = Array.from({ length: Math.ceil((BARS_BOTTOM - 1 - top) / 3) }, (_, row) => BARS_BOTTOM - 1 - 3 * row);
      return rows.map((y) => `M${left} ${y}H${right}`).join("");
    });
    mark(this.paths.guess, "d", hatches.join(""));
    mark(this.paths.line, "d", line);
    mark(this.paths.dots, "d", dots);
    mark(this.paths.last, "d", lastAt < 0 ? "" : dot(lastAt));
    mark(this.paths.week, "d", weekLine + dashes);
    mark(this.paths.bars, "d", bars.join(""));
    put(this.high, high);
    put(this.low, low);
    const stamp = this.kind === "day" ? clock.monthDay : clock.minutes;
    put(this.from, points.length ? stamp.format(points[0][0]) : "");
    put(this.to, this.kind === "day" ? words.today : words.now);
    put(this.none, known.length ? "" : words.noTrend);
    const ranged = known.length > 1 ? range(known) : "";
    const guessed = points.reduce((all, [start]) => all + (guesses.get(start) ?? 0), 0);
    put(this.range, guessed ? `${ranged} ▨${grouped(guessed)}` : ranged);
    mark(this.svg, "data-estimated", guessed);
    put(this.last, known.length ? tenth(known[known.length - 1]) : "—");
    const sum = points.reduce((all, point) => all + point[2], 0);
    const said = [words.trends[this.kind], known.length ? ranged || tenth(known[0]) : words.noTrend, `(n=${grouped(sum)})`];
    if (guessed) said.push(words.estimated(grouped(guessed)));
    if (knownBefore.length) said.push(words.lastWeek(Array.isArray(week) ? range(knownBefore) : tenth(week)));
    mark(this.svg, "aria-label", said.join(" "));
    mark(this.svg, "data-count", sum);
    mark(this.svg, "data-week", knownBefore.length);
  }
}
