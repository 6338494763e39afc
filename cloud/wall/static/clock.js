// The city's clock, never the browser's: every arrival brings the time, in between the monotonic clock carries it on.
import { lang } from "./words.js";

export class Clock {
  #offset = null;
  #zone = null;

  adopt(now) {
    this.#offset = now - performance.now();
  }

  // ms since 1970, or null before the first arrival.
  get now() {
    return this.#offset === null ? null : this.#offset + performance.now();
  }

  // Formatters are dear to make; one set a zone, not one a paint.
  set zone(zone) {
    if (zone === this.#zone) return;
    this.#zone = zone;
    const of = (locale, options) => new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
    const locale = lang === "en" ? "en-GB" : "zh-CN";
    const [hour, minute, second] = ["2-digit", "2-digit", "2-digit"];
    this.seconds = of("en-GB", { hour, minute, second });
    this.minutes = of("en-GB", { hour, minute });
    this.date = of(locale, { month: lang === "en" ? "short" : "long", day: "numeric", weekday: "short" });
    this.monthDay = of(locale, { month: lang === "en" ? "short" : "numeric", day: "numeric" });
  }
}
