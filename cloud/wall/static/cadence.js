// At most four paints a second, however often somebody asks; the first one at once.
export class Cadence {
  #last = -Infinity;
  #timer = 0;

  constructor(paint, gap = 250) {
    this.paint = paint;
    this.gap = gap;
  }

  ask() {
    if (this.#timer) return;
    const wait = Math.max(0, this.#last + this.gap - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#last = performance.now();
      this.paint();
    }, wait);
  }
}
