// A virtual window, composed. What tests may rely on:
//
//   body[data-state]     loading | unset | open | chosen | thanks | full | closed; unset also while another page is open
//   body[data-waiting]   how many ratings the city does not hold yet
//   body[data-line]      held | away | ended: how the last delivery went; "" before the first
//   #choices [data-level]  the buttons; #said what is said; #language the switch
import { alone } from "./alone.js";
import { ring } from "./bell.js";
import { date, mono } from "./clocks.js";
import { Delivery } from "./delivery.js";
import { Outbox } from "./outbox.js";
import { COOLDOWN_MS, SETTLE_MS, Session } from "./session.js";
import { device } from "./setup.js";
import { isEnglish, say, speak } from "./words.js";

const AGAIN_MS = 5_000;
// Whoever comes next finds Chinese.
const BACK_MS = 30_000;
const UPDATE_MS = 3_600_000;

const body = document.body;
const called = document.getElementById("called");
const line = document.getElementById("line");
const said = document.getElementById("said");
const buttons = [...document.querySelectorAll("#choices button")];
const path = location.pathname;
const name = path.replace("/window/", "");

let shown = "";
let known;
let back = null;
let outdated = false;

function show(state, key = "") {
  body.dataset.state = state;
  shown = key;
  repaint();
}

function repaint() {
  said.textContent = shown === "" ? "" : say(shown);
  called.textContent = known === undefined ? "" : say("where", { called: isEnglish() ? known.en : known.zh });
  const waiting = Number(body.dataset.waiting ?? 0);
  const parts = [say(body.dataset.line === "held" ? "online" : "offline")];
  if (waiting > 0) parts.push(say("waiting", { n: waiting }));
  line.textContent = parts.join(" · ");
}

function listen() {
  document.getElementById("language").addEventListener("click", () => {
    speak(!isEnglish(), repaint);
    rest();
  });
  addEventListener("pointerdown", rest);
}

function rest() {
  clearTimeout(back);
  back = setTimeout(() => speak(false, repaint), BACK_MS);
}

// A page of a newer program, or with a disk again, comes once nobody is in the middle of a choice.
function renew() {
  outdated = true;
  renewWhenIdle();
}

function renewWhenIdle() {
  if (outdated && body.dataset.state !== "chosen" && body.dataset.state !== "thanks") location.reload();
}

async function keepForLater() {
  if (!("serviceWorker" in navigator)) return;
  const workers = navigator.serviceWorker;
  const hadOne = workers.controller !== null;
  workers.addEventListener("controllerchange", () => {
    if (hadOne) renew();
  });
  const registration = await workers.register("/window/worker.js", { scope: path });
  setInterval(() => registration.update().catch(() => {}), UPDATE_MS);
  // So that a browser which is short of room throws away others' first.
  await navigator.storage?.persist?.();
}

async function open(outbox) {
  const session = new Session();
  // As the city said when it last answered: without a line, and after a reload, that holds on.
  let ended = (await outbox.fact("ended")) ?? false;
  const delivery = new Delivery(outbox, known.secret, async (how) => {
    body.dataset.line = how;
    body.dataset.waiting = await outbox.count();
    if (how !== "away" && ended !== (how === "ended")) {
      ended = how === "ended";
      await outbox.put("ended", ended);
      stand();
    } else repaint();
  });
  let settling = null;

  async function settle() {
    const choice = session.settle(mono());
    if (choice === null) {
      // A timer that came early; or nothing is open.
      if (session.due !== null) settling = setTimeout(settle, session.due - mono() + 1);
      return;
    }
    // Nobody is thanked for what the city may never be sent.
    if (ended) return;
    try {
      await outbox.add(choice);
    } catch {
      show("full", "full");
      setTimeout(ready, COOLDOWN_MS);
      return;
    }
    show("thanks", "thanks");
    ring();
    setTimeout(ready, COOLDOWN_MS);
    body.dataset.waiting = await outbox.count();
    repaint();
    delivery.send();
  }

  function stand() {
    if (ended) show("closed", "ended");
    else show("open");
  }

  function ready() {
    for (const one of buttons) one.setAttribute("aria-pressed", "false");
    stand();
    renewWhenIdle();
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      if (ended || !session.press(Number(button.dataset.level), mono(), date())) return;
      for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
      show("chosen");
      clearTimeout(settling);
      settling = setTimeout(settle, SETTLE_MS);
    });
  }
  body.dataset.waiting = await outbox.count();
  stand();
  delivery.send();
}

async function begin() {
  speak(new URLSearchParams(location.search).get("lang") === "en", repaint);
  listen();
  const manifest = document.createElement("link");
  manifest.rel = "manifest";
  manifest.href = `${path}/app.webmanifest`;
  document.head.append(manifest);
  keepForLater().catch(() => {});
  show("loading", "asking");
  await alone(name, () => show("unset", "another"));
  show("loading", "asking");
  const outbox = await Outbox.open(name, renew);
  try {
    known = await device(outbox, name);
  } catch (bad) {
    show("unset", bad.message === "refused" ? "refused" : "away");
    if (bad.message !== "refused") setTimeout(() => location.reload(), AGAIN_MS);
    return;
  }
  if (known === undefined) show("unset", "unset");
  else await open(outbox);
}

// One who opens another link in the same tab.
addEventListener("hashchange", () => location.reload());
begin().catch(() => show("closed", "full"));
