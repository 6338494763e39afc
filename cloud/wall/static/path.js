// How ratings travel: their pace, their delay from the press to the ledger, and what did not get through.
import { byId, mark, numbered, put } from "./slot.js";
import { span, words } from "./words.js";

const MINUTE = 60_000;

// Waiting is normal for seconds, worth a look after a minute, wrong after half an hour.
export const urgency = (ms) => (ms === null || ms < MINUTE ? "calm" : ms < 30 * MINUTE ? "warn" : "alarm");

export function paintPath({ path, nodes, position, total, seal }) {
  numbered("path-rate", path.rate);
  numbered("path-p50", path.p50_ms);
  numbered("path-p99", path.p99_ms);
  put(byId("path-oldest"), nodes.oldest_ms === null ? words.none : span(nodes.oldest_ms));
  mark(byId("path-oldest"), "data-level", urgency(nodes.oldest_ms));
  for (const [id, count] of [["path-quarantined", path.quarantined], ["path-uncounted", path.uncounted]]) {
    numbered(id, count);
    mark(byId(id), "data-level", count ? "warn" : "calm");
  }
  numbered("position", position);
  numbered("total-count", total);
  put(byId("seal"), seal === null ? words.none : words.seal(seal));
  mark(byId("seal"), "data-number", seal === null ? "" : String(seal.number));
}
