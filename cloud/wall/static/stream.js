// The stream from the city. EventSource alone is not enough for a wall: it cannot see a half-open connection and
// stops for good on an HTTP error. So this one listens for silence, closes, and opens anew with jitter.

const SILENCE_MS = 5000;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 5000;

export class Stream {
  #source = null;
  #opened = 0;
  #failures = 0;
  #retry = 0;

  // listener: {snapshot(picture), diff(picture), tick(tick), garbled()}; one that throws counts as garbled.
  constructor(listener) {
    this.listener = listener;
    this.heard = null; // performance.now() of the last usable arrival
  }

  start() {
    this.#open();
    setInterval(() => this.#watch(), 500);
    addEventListener("pagehide", () => this.#source?.close());
    addEventListener("pageshow", (shown) => shown.persisted && this.again());
  }

  #open() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    this.#opened = performance.now();
    const source = new EventSource("/api/stream");
    this.#source = source;
    for (const kind of ["snapshot", "diff", "tick"]) {
      source.addEventListener(kind, (arrival) => source === this.#source && this.#take(kind, arrival.data));
    }
    source.onerror = () => source === this.#source && this.again();
  }

  #take(kind, text) {
    try {
      this.listener[kind](JSON.parse(text));
    } catch {
      this.listener.garbled();
      return;
    }
    this.heard = performance.now();
    this.#failures = 0;
  }

  // Gives this connection up. Always a new EventSource, whose first arrival is a snapshot: one way back, not two.
  again() {
    this.#source?.close();
    this.#source = null;
    if (this.#retry) return;
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#retry = setTimeout(() => this.#open(), wait * (0.4 + 0.6 * Math.random()));
  }

  #watch() {
    if (this.#source && performance.now() - Math.max(this.heard ?? 0, this.#opened) > SILENCE_MS) this.again();
  }
}
