// The city's score of today with what it rests on: interval, count, levels.
import { byId, fill, mark, numbered, put, shade } from "./slot.js";
import { counted } from "./unit.js";
import { tenth, words } from "./words.js";

export function paintHero({ city, weights, turnout }) {
  const score = byId("city-score");
  put(score, city.score === null ? words.noFeed : tenth(city.score));
  mark(score, "data-score", city.score);
  shade(score, "none", city.score === null);
  shade(score, "full", city.score === 100);
  numbered("today-count", counted(city));
  fill(byId("city-bar"), city.n);
  put(byId("city-interval"), city.score === null ? "—" : `${tenth(city.low)}–${tenth(city.high)}`);
  // The outer two shares are the server's top and bottom box; the middle is what is left, so the digits add up to 100.
  const empty = counted(city) === 0;
  const middle = empty ? null : Math.max(0, 100 - city.top - city.bottom);
  const shares = empty ? [null, null, null] : [city.top, middle, city.bottom];
  [3, 2, 1].forEach((level, at) => put(byId(`share-${level}`), empty ? "—" : `${tenth(shares[at])}%`));
  if (!byId("count-3")) return;
  [3, 2, 1].forEach((level, at) => numbered(`count-${level}`, city.n[at]));
  const change = city.week_change;
  put(byId("week-change"), change === null ? "" : words.weekChange(change));
  mark(byId("week-change"), "data-change", change);
  put(byId("weights"), words.weights(weights));
  put(byId("turnout"), turnout === null ? "" : words.turnout(turnout));
}
