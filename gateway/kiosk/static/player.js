// The steps of a service, one after the other, each with its animated picture. Whoever wants no motion turns them by hand.

import { made } from "/static/web/language.js";

const EACH_MS = 8_000;

export class Player {
  constructor(steps, lang, word) {
    this.steps = steps;
    this.lang = lang;
    this.word = word;
    this.place = 0;
    this.playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.element = made("div", "course");
    this.stage = made("div", "player");
    this.drawn = made("div");
    this.text = made("p", "text");
    this.count = made("small");
    this.said = made("span");
    this.text.append(this.count, this.said);
    this.stage.append(this.drawn, this.text);
    const controls = made("div", "controls");
    this.before = this.button(word.before, () => this.show(this.place - 1));
    this.pause = this.button("", () => this.play(!this.playing));
    this.next = this.button(word.next, () => this.show(this.place + 1));
    controls.append(this.before, this.pause, this.next);
    const list = made("ol", "steps");
    this.buttons = steps.map((step, place) => {
      const button = this.button("", () => this.show(place));
      button.append(made("b", "", `${place + 1}`), made("span", "", step[lang]));
      const item = made("li");
      item.append(button);
      list.append(item);
      return button;
    });
    const side = made("div", "side");
    side.append(this.stage, controls);
    this.element.append(side, list);
    this.play(this.playing);
    this.paint();
  }

  button(text, act) {
    const button = made("button", "", text);
    button.type = "button";
    button.addEventListener("click", () => {
      // Who turns by hand is reading.
      if (button !== this.pause) this.play(false);
      act();
    });
    return button;
  }

  play(playing) {
    this.playing = playing;
    clearInterval(this.timer);
    if (playing) this.timer = setInterval(() => this.show((this.place + 1) % this.steps.length), EACH_MS);
    this.stage.classList.toggle("paused", !playing);
    this.pause.textContent = playing ? this.word.pause : this.word.play;
  }

  show(place) {
    if (place < 0 || place >= this.steps.length) return;
    this.place = place;
    this.paint();
  }

  paint() {
    const step = this.steps[this.place];
    this.drawn.replaceChildren(document.getElementById(`picture-${step.picture}`).content.cloneNode(true));
    this.drawn.firstElementChild.setAttribute("aria-hidden", "true");
    this.count.textContent = this.word.step(this.place + 1, this.steps.length);
    this.said.textContent = step[this.lang];
    this.before.disabled = this.place === 0;
    this.next.disabled = this.place === this.steps.length - 1;
    this.buttons.forEach((button, place) => (place === this.place ? button.setAttribute("aria-current", "step") : button.removeAttribute("aria-current")));
  }

  end() {
    clearInterval(this.timer);
  }
}
