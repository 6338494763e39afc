// From the outbox to the city: sent until it is held, then deleted. What is sent again counts once, by its number.

import { date, mono } from "./clocks.js";

// An answer that takes longer is given up, so that what it dates is right within 10 s; less is sent then.
const PATIENCE_MS = 8_000;
// The city is told the two clocks so often, also while nobody rates.
const GREET_MS = 300_000;
const FIRST_AGAIN_MS = 2_000;
const LAST_AGAIN_MS = 60_000;

export class Delivery {
  #outbox;
  #secret;
  #at;
  #named;
  #limit;
  #told;
  #pause = FIRST_AGAIN_MS;
  #most;
  #timer = null;
  #sending = false;
  #more = false;

  // To the address `at`, as the field `named`, at most `most` at a time. `told(line)` is called after each attempt:
  // "held", "away", or "ended" where the city knows this carrier no more.
  constructor(outbox, secret, { at, named, most }, told) {
    this.#outbox = outbox;
    this.#at = at;
    this.#named = named;
    this.#limit = this.#most = most;
    this.#secret = secret;
    this.#told = told;
    addEventListener("online", () => this.send());
  }

  // Send what there is, now.
  async send() {
    this.#more = true;
    if (this.#sending) return;
    this.#sending = true;
    clearTimeout(this.#timer);
    let line = "held";
    try {
      while (this.#more && line === "held") {
        this.#more = false;
        line = await this.#sendOnce();
      }
    } catch {
      // No line, no answer, or none that can be read.
      line = "away";
    }
    this.#sending = false;
    const next = line === "held" ? GREET_MS : this.#pause * (0.75 + Math.random() / 2);
    this.#pause = line === "held" ? FIRST_AGAIN_MS : Math.min(LAST_AGAIN_MS, 2 * this.#pause);
    // On a line too slow for so many, fewer come through.
    if (line !== "held") this.#most = Math.max(1, this.#most >> 1);
    this.#timer = setTimeout(() => this.send(), next);
    await this.#told(line);
  }

  async #sendOnce() {
    const { epoch, first, rows } = await this.#outbox.oldest(this.#most);
    const clocks = { run: this.#outbox.run, mono: mono(), date: date() };
    const answer = await fetch(this.#at, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${this.#secret}` },
      body: JSON.stringify({ v: 1, epoch, first, ...clocks, [this.#named]: rows }),
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.status === 401) return "ended";
    if (answer.status !== 200 && answer.status !== 409) return "away";
    const { held } = await answer.json();
    if (!Number.isSafeInteger(held)) return "away";
    if (answer.status === 409) await this.#outbox.renew(epoch, held);
    else await this.#outbox.confirm(epoch, held);
    // There may be more than goes at once; what was refused goes again under its new numbers.
    this.#more ||= rows.length === this.#most || answer.status === 409;
    this.#most = Math.min(this.#limit, 2 * this.#most);
    return "held";
  }
}
