// The kiosk: what there is, how it goes, and what people ask. All of it comes from the gateway; the city is not needed.

import { asked, made, say } from "/static/web/language.js";
import { watchIdle } from "./idle.js";
import { Player } from "./player.js";
import { words } from "./words.js";

const AGAIN_MS = 5_000;
const FRESH_MS = 60_000;
const at = (id) => document.getElementById(id);

let lang = asked;
let word = words[lang];
let shown = null;
let player = null;

async function fetched(path) {
  const answer = await fetch(path, { cache: "no-store" });
  return answer.ok ? answer.json() : null;
}

async function look() {
  try {
    const told = await fetched("/kiosk/catalogue");
    const changed = told !== null && JSON.stringify(told) !== JSON.stringify(shown);
    if (told !== null) shown = told;
    if (changed || told === null) await paint();
    setTimeout(look, shown === null ? AGAIN_MS : FRESH_MS);
  } catch {
    if (shown === null) at("view").replaceChildren(made("p", "said", word.away));
    setTimeout(look, AGAIN_MS);
  }
}

function link(href, title, text, code) {
  const choice = made("a", "choice");
  choice.href = href;
  choice.append(made("b", "", title));
  if (text) choice.append(made("span", "", text));
  if (code) choice.dataset.code = code;
  return choice;
}

const ofService = (service) => link(`#/service/${service.code}`, service.name[lang], service.lead[lang], service.code);
const ofQuestion = (index) => link(`#/question/${index}`, shown.questions[index].asked[lang]);

function list(title, choices, kind = "choices") {
  const part = made("section");
  const heading = made("h2", "", title);
  const items = made("ul", kind);
  items.append(...choices.map((choice) => {
    const item = made("li");
    item.append(choice);
    return item;
  }));
  part.append(heading, items);
  return part;
}

function home() {
  const questions = shown.questions.map((_, index) => ofQuestion(index));
  return [list(word.services, shown.services.map(ofService)), list(word.questions, questions, "choices rows")];
}

function whereOf(code) {
  const places = shown.places[code] ?? [];
  const where = made("p", "where", places.length ? word.where : word.nowhere);
  for (const place of places) {
    const one = made("span");
    one.append(made("b", "", word.window(place.number)), place.plate[lang]);
    where.append(one);
  }
  return where;
}

function service(code) {
  const found = shown.services.find((one) => one.code === code);
  if (!found) return home();
  player = new Player(found.steps, lang, word);
  const steps = made("section");
  steps.append(made("h2", "", word.steps), player.element);
  const needs = made("section");
  const bring = made("ul", "needs");
  bring.append(...(found.needs ?? []).map((need) => made("li", "", need[lang])));
  needs.append(made("h2", "", word.needs), found.needs?.length ? bring : made("p", "", word.noNeeds));
  const about = shown.questions.flatMap((one, index) => (one.service === code ? [ofQuestion(index)] : []));
  return [
    made("h1", "", found.name[lang]),
    made("p", "said", found.lead[lang]),
    whereOf(code),
    steps,
    needs,
    ...(about.length ? [list(word.questions, about, "choices rows")] : []),
    back(),
  ];
}

function question(index) {
  const found = shown.questions[index];
  if (!found) return home();
  const about = shown.services.filter((one) => one.code === found.service).map(ofService);
  return [
    made("h1", "", found.asked[lang]),
    made("p", "said", found.answer[lang]),
    ...(about.length ? [list(word.about, about)] : []),
    back(),
  ];
}

async function results(typed) {
  at("typed").value = typed;
  const told = await fetched(`/kiosk/search?q=${encodeURIComponent(typed)}`);
  const hits = told?.version === shown.version ? told.hits : [];
  const title = made("h2", "", hits.length ? word.found(hits.length, typed) : word.nothing(typed));
  const choices = hits.map((hit) => (hit.kind === "service" ? ofService(shown.services[hit.index]) : ofQuestion(hit.index)));
  const items = made("ul", "choices");
  items.append(...choices.map((choice) => {
    const item = made("li");
    item.append(choice);
    return item;
  }));
  return [title, ...(hits.length ? [items] : []), back()];
}

function back() {
  const part = made("p", "controls");
  const choice = made("a", "choice", word.back);
  choice.href = "#/";
  part.append(choice);
  return part;
}

async function paint() {
  player?.end();
  player = null;
  say(lang);
  document.title = word.title;
  at("language").lang = lang === "en" ? "zh-CN" : "en";
  at("language").textContent = lang === "en" ? "中文" : "English";
  if (shown === null) {
    at("view").replaceChildren(made("p", "said", word.waiting));
    return;
  }
  at("name").textContent = shown.name[lang];
  const [, kind, rest] = /^#\/(\w+)\/(.*)$/.exec(location.hash) ?? [];
  const page = { service, question: (index) => question(Number(index)), search: (typed) => results(decodeURIComponent(typed)) }[kind] ?? home;
  at("search").hidden = kind === "service" || kind === "question";
  if (kind !== "search") at("typed").value = "";
  at("view").replaceChildren(...(await page(rest)));
}

async function turned() {
  await paint();
  scrollTo(0, 0);
  at("main").focus();
}

function enlarge(large) {
  document.documentElement.toggleAttribute("data-large", large);
  at("large").setAttribute("aria-pressed", String(large));
}

function speak(next) {
  lang = next;
  word = words[lang];
  paint();
}

addEventListener("hashchange", turned);
at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = at("typed").value.trim();
  location.hash = typed ? `#/search/${encodeURIComponent(typed)}` : "#/";
});
at("large").addEventListener("click", () => enlarge(!document.documentElement.hasAttribute("data-large")));
at("language").addEventListener("click", () => speak(lang === "en" ? "zh" : "en"));
watchIdle(at("idle"), at("idle-left"), at("stay"), {
  tell: () => {
    const asIs = location.hash.length < 3 && lang === asked && !document.documentElement.hasAttribute("data-large") && !at("typed").value;
    return asIs ? null : word.left;
  },
  leave: () => {
    enlarge(false);
    speak(asked);
    location.hash = "#/";
  },
});

say(lang);
look();
