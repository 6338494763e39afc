// The far view's last lines: the worst trouble with devices on the left, the lowest window on the right, below them
// how many cases are open and overdue.
import { caseName } from "./cases.js";
import { windowName } from "./lowest.js";
import { deviceName, refusing } from "./nodes.js";
import { urgency } from "./path.js";
import { byId, mark, put } from "./slot.js";
import { grouped, tenth, words } from "./words.js";

export class Alerts {
  paint({ nodes, lowest, bins, cases }, places, clock) {
    const worst = nodes.list[0];
    const late = urgency(nodes.oldest_ms);
    if (worst) {
      const old = clock.now - worst.since;
      const full = worst.state === "full" && worst.township && nodes.full > 1 ? nodes.full : 0;
      const count = full || (worst.state === "damaged" ? worst.destroyed : 0);
      const many = count ? ` ${grouped(count)}` : "";
      const state = `! ${words.state[worst.state] ?? worst.state}${many}`;
      const head = worst.state === "offline" ? words.offline(grouped(nodes.offline)) : state;
      const tail = `${words.since(old)} · ${deviceName(worst, places, "short")}`;
      this.#say("alert-nodes", refusing(worst) || urgency(old) === "alarm" ? "alarm" : "warn", head, tail);
    } else if (nodes.offline) {
      this.#say("alert-nodes", "warn", words.offline(grouped(nodes.offline)), "");
    } else if (late !== "calm") {
      this.#say("alert-nodes", late, words.lateWaiting(grouped(nodes.waiting)), words.oldest(nodes.oldest_ms));
    } else if (nodes.online === 0) {
      this.#say("alert-nodes", "none", "", words.noNodes);
    } else {
      this.#say("alert-nodes", "fine", words.allFine, "");
    }
    const low = lowest[0];
    const bad = low && low.score < bins[0];
    const say = (head, tail) => this.#say("alert-lowest", bad ? "alarm" : "none", head, tail);
    if (!low) say("", words.noLow);
    else say((bad ? words.lowAlarm : words.low)(tenth(low.score)), windowName(low, places));
    this.#paintCases(cases, places);
  }

  #paintCases({ open, overdue, list }, places) {
    mark(byId("alert-cases"), "data-count", open);
    mark(byId("alert-cases"), "data-overdue", overdue);
    const say = (level, head, tail) => this.#say("alert-cases", level, head, tail);
    if (overdue) say("alarm", words.lateCases(grouped(overdue)), `${words.ofOpen(grouped(open))} · ${caseName(list[0], places)}`);
    else if (open) say("none", words.openCases(grouped(open)), words.noneLate);
    else say("fine", words.allClosed, "");
  }

  #say(id, level, head, tail) {
    const line = byId(id);
    mark(line, "data-level", level);
    put(line.firstChild, head);
    put(line.lastChild, tail);
  }
}
