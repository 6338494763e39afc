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

  // How many days before the city's `day` ("2026-11-22") the moment `at` (ms) was; 0: that day.
  daysUntil(day, at) {
    return Math.round((Date.parse(day) - Date.parse(this.day.format(at))) / 86_400_000);
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
    this.day = of("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit" }); // the Swedish write as ISO does
    this.monthDay = of(locale, { month: lang === "en" ? "short" : "numeric", day: "numeric" });
  }
}
