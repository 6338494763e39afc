// The windows, six to a page: number and plate, who is on duty, the code of the minute with its picture, today's score.

import { made } from "/static/web/language.js";

const A_PAGE = 6;
const SVG = "http://www.w3.org/2000/svg";

function tell(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

class Card {
  constructor(say) {
    this.say = say;
    this.element = made("li", "card");
    const top = made("header");
    this.number = made("span", "number");
    this.plate = made("h3");
    top.append(this.number, this.plate);
    this.duty = made("p", "duty");
    this.who = made("b");
    this.duty.append(`${say.duty} `, this.who);
    const rate = made("div", "rate");
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("role", "img");
    this.path = document.createElementNS(SVG, "path");
    this.svg.append(this.path);
    this.code = made("p", "code");
    this.label = made("small");
    this.digits = made("span");
    this.code.append(this.label, this.digits);
    this.result = made("p", "result");
    this.score = made("b");
    this.rated = made("span");
    this.result.append(this.score, this.rated);
    rate.append(this.svg, this.code, this.result);
    this.element.append(top, this.duty, rate);
  }

  paint(window, code, lang, byPhone) {
    tell(this.number, window.number);
    tell(this.plate, window.plate[lang] || window.plate.zh || this.say.window);
    tell(this.who, window.duty?.[lang] ?? this.say.nobody);
    this.element.dataset.window = window.window;
    this.element.classList.toggle("plain", !code?.path);
    this.svg.setAttribute("aria-label", this.say.qr(window.number));
    if (code?.path && this.path.getAttribute("d") !== code.path) {
      this.svg.setAttribute("viewBox", `0 0 ${code.size} ${code.size}`);
      this.path.setAttribute("d", code.path);
    }
    if (!code?.path) this.path.removeAttribute("d");
    this.code.hidden = !byPhone;
    tell(this.digits, code ? `${code.code.slice(0, 3)} ${code.code.slice(3)}` : "");
    tell(this.label, code ? (code.path ? this.say.scan : this.say.type) : this.say.noCode);
    tell(this.score, window.shown.score === null ? "" : `${window.shown.score.toFixed(1)}%`);
    tell(this.rated, this.say.rated(window.shown.count));
  }
}

export class Cards {
  constructor(element, lang, say) {
    this.element = element;
    this.lang = lang;
    this.cards = Array.from({ length: A_PAGE }, () => new Card(say));
    this.page = 0;
    this.pages = 0;
  }

  turn() {
    if (this.pages) this.page = (this.page + 1) % this.pages;
  }

  paint(picture, codes) {
    this.pages = Math.ceil(picture.windows.length / A_PAGE);
    if (this.page >= this.pages) this.page = 0;
    const shown = picture.windows.slice(this.page * A_PAGE, (this.page + 1) * A_PAGE);
    const known = new Map((codes?.codes ?? []).map((code) => [code.window, code]));
    shown.forEach((window, place) => this.cards[place].paint(window, known.get(window.window), this.lang, picture.by_phone));
    const wanted = this.cards.slice(0, shown.length).map((card) => card.element);
    if (this.element.children.length !== wanted.length) this.element.replaceChildren(...wanted);
  }
}
