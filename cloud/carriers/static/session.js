// Presses to ratings: press, settle, cooldown. Blind to the grade, as at the buttons of a Pi (edge/session.py).

export const SETTLE_MS = 800;
export const COOLDOWN_MS = 3000;
const MAX_PRESSES = 10_000;

export class Session {
  #choice = null;
  #closedUntil = -Infinity;

  // When the open choice settles unless pressed again; null while there is none.
  get due() {
    return this.#choice === null ? null : this.#choice.mono + SETTLE_MS;
  }

  // Take a press of `level` at `mono` (ms of the page's clock) and `date` (ms of the wall clock); whether it was heard.
  press(level, mono, date) {
    if (mono < this.#closedUntil) return false;
    const presses = this.#choice === null ? 1 : Math.min(this.#choice.presses + 1, MAX_PRESSES);
    this.#choice = { level, presses, mono, date };
    return true;
  }

  // The choice that is final by `mono`, once; null where there is none. From then on presses are not heard for a while.
  settle(mono) {
    const choice = this.#choice;
    if (choice === null || mono < this.due) return null;
    this.#choice = null;
    this.#closedUntil = mono + COOLDOWN_MS;
    return choice;
  }
}
