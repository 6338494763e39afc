// The hall's screen: asks the gateway every few seconds, and paints what changed. Nothing of it needs the city.

import { asked as lang, made, say } from "/static/web/language.js";
import { words } from "./words.js";
import { Cards } from "./cards.js";

const EVERY_MS = 3_000;
// Two pictures that did not come: from then on the screen says so, and shows no code.
const PATIENCE_MS = 8_000;
const TURN_MS = 12_000;
const word = words[lang];
const at = (id) => document.getElementById(id);

say(lang);
document.title = word.title;
at("other").href = lang === "en" ? "?" : "?lang=en";
at("other").lang = lang === "en" ? "zh-CN" : "en";
at("other").textContent = lang === "en" ? "中文" : "English";

const cards = new Cards(at("cards"), lang, word);
let picture = null;
let came = performance.now();
let cutAt = null;
let codes = null;
let software = null;
let notice = 0;
let held = false;

// Changes an element only where its text did.
function tell(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

function clockOf(ms, options) {
  return new Intl.DateTimeFormat(lang === "en" ? "en-GB" : "zh-CN", { timeZone: picture.zone, ...options }).format(ms);
}
const hour = (ms) => clockOf(ms, { hour: "2-digit", minute: "2-digit", hour12: false });
const day = (ms) => clockOf(ms, { month: lang === "en" ? "short" : "long", day: "numeric", weekday: lang === "en" ? "short" : "long" });

async function fetched(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(EVERY_MS * 2), cache: "no-store" });
  return answer.ok ? answer.json() : null;
}

async function look() {
  try {
    const told = await fetched("/hall/picture");
    came = performance.now();
    cutAt = null;
    if (told === null) return wait();
    if (software !== null && software !== told.version) return location.reload();
    software = told.version;
    picture = told;
    if (told.minute === null) codes = null;
    else if (codes === null || codes.minute !== told.minute) codes = await fetched("/hall/codes");
    paint();
  } catch {
    cut();
  } finally {
    setTimeout(look, EVERY_MS);
  }
}

// The city has told this hall nothing yet.
function wait() {
  document.body.dataset.state = "waiting";
  at("cut").hidden = true;
  at("score").className = "none";
  tell("score", word.waiting);
}

function cut() {
  if (performance.now() - came < PATIENCE_MS) return;
  cutAt ??= picture?.now == null ? "" : hour(picture.now + PATIENCE_MS);
  document.body.dataset.state = "cut";
  tell("cut", word.cut(cutAt));
  at("cut").hidden = false;
  codes = null;
  if (picture) cards.paint(picture, null);
}

function paint() {
  const { total, now } = picture;
  document.body.dataset.state = now === null ? "timeless" : "live";
  at("cut").hidden = true;
  tell("name", picture.name[lang]);
  tell("clock", now === null ? "--:--" : hour(now));
  tell("date", now === null ? "" : day(now));
  const quiet = now === null ? word.timeless : picture.quiet_since === null ? "" : word.quiet(picture.quiet_since ? hour(picture.quiet_since) : "");
  at("city").hidden = !quiet;
  tell("city", quiet);
  score(total, now);
  cards.paint(picture, codes);
  paintNotice();
  at("hold").hidden = cards.pages < 2 && picture.notices.length < 2;
}

function score(total, now) {
  const element = at("score");
  const text = now === null ? word.noDay : total.score === null ? word.few(picture.least) : total.score.toFixed(1);
  element.className = total.score === null || now === null ? "none" : "";
  if (element.dataset.text !== text) {
    element.dataset.text = text;
    element.replaceChildren(text, ...(element.className ? [] : [made("small", "", "%")]));
  }
  const counts = total.counts ?? [0, 0, 0];
  [...at("bar").children].forEach((part, place) => part.style.setProperty("flex-grow", counts[place]));
  [...at("levels").querySelectorAll("b")].forEach((part, place) => (part.textContent = total.counts ? word.number(counts[place]) : ""));
  at("bar").hidden = at("levels").hidden = !total.counts;
  tell("count", now === null ? "" : word.count(total.count));
  tell("rule", word.rule(picture.block, picture.veil_minutes));
}

function paintNotice() {
  const all = picture.notices;
  tell("notice", all.length ? all[notice % all.length][lang] : word.noNotice);
  tell("page", cards.pages > 1 ? word.page(cards.page + 1, cards.pages) : "");
}

function turn() {
  if (!held && picture) {
    notice += 1;
    cards.turn();
    if (document.body.dataset.state !== "cut") paint();
  }
  setTimeout(turn, TURN_MS);
}

at("hold").textContent = word.hold;
at("hold").addEventListener("click", () => {
  held = !held;
  at("hold").textContent = held ? word.go : word.hold;
});

look();
setTimeout(turn, TURN_MS);
