// Devices: how many are online, and the worst of those in trouble.
import { byId, make, mark, numbered, put, shade, show } from "./slot.js";
import { grouped, span, words } from "./words.js";

const OVERDUE_MS = 30 * 60_000;
const SIGN = { failing: "✕", offline: "✕", stuck: "!", full: "!", unsynced: "~", skewed: "≠", damaged: "✗" };

// Whoever refuses turns people away, or keeps everybody's ratings waiting: an alarm from the first moment.
export const refusing = (node) => node.state === "full" || node.state === "failing";

// The township is said in words; the city's own ledger stands in none.
export const deviceName = (node, places, name) =>
  node.township ? `${places.of(node.township)[name]} ${node.node.split("-")[1]}` : words.ledger;

// What a damaged disk has cost: how many ratings, and the first of the numbers that nobody else had. "" until known.
const cost = ({ destroyed, lost, numbers = [] }) => {
  if (lost === undefined) return "";
  if (lost === 0) return words.spared(grouped(destroyed));
  const ranges = numbers.map(([lo, hi]) => (lo === hi ? `${lo}` : `${lo}–${hi}`));
  const told = numbers.reduce((sum, [lo, hi]) => sum + hi - lo + 1, 0);
  return words.lost(grouped(lost), ranges.join(words.comma) + (told < lost ? "…" : ""));
};

export class Nodes {
  constructor(slots = 4) {
    this.rows = Array.from({ length: slots }, () => {
      const parts = ["sign", "place", "state", "age"].map((name) => make("span", name));
      const row = make("li", "off", ...parts);
      row.parts = parts;
      return row;
    });
    byId("node-list").append(...this.rows);
  }

  paint({ nodes }, places, clock) {
    numbered("nodes-online", nodes.online);
    numbered("nodes-offline", nodes.offline);
    numbered("nodes-waiting", nodes.waiting);
    mark(byId("nodes-offline"), "data-level", nodes.offline ? "warn" : "calm");
    this.rows.forEach((row, at) => {
      const node = nodes.list[at];
      shade(row, "off", !node);
      const [sign, place, state, age] = row.parts;
      mark(row, "data-node", node?.node);
      if (!node) return;
      const told = node.state === "damaged" ? cost(node) : "";
      const windows = node.township && !told ? ` · ${words.windows(node.windows)}` : "";
      put(place, `${deviceName(node, places, "name")}${windows}`);
      put(sign, SIGN[node.state] ?? "!");
      const word = words.state[node.state] ?? node.state;
      put(state, told || word);
      // Which numbers matters more than since when, and takes its room.
      shade(row, "told", Boolean(told));
      mark(row, "title", told ? `${word} · ${told}` : undefined);
      mark(row, "data-level", refusing(node) ? "alarm" : "warn");
      put(age, span(clock.now - node.since));
      shade(age, "late", clock.now - node.since > OVERDUE_MS);
    });
    show(byId("nodes-empty"), nodes.list.length + nodes.offline === 0);
    put(byId("nodes-empty"), nodes.online ? words.nodesFine : words.noNodes);
  }
}
