// A virtual window, composed. What tests may rely on:
//
//   body[data-state]     loading | unset | open | chosen | thanks | full | closed
//   body[data-waiting]   how many ratings the city does not hold yet
//   body[data-line]      held | away | ended: how the last delivery went; "" before the first
//   #choices [data-level]  the buttons; #said what is said; #language the switch
import { ring } from "./bell.js";
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

// A page of a newer program comes once nobody is in the middle of a choice.
function renewWhenIdle() {
  if (outdated && body.dataset.state !== "chosen" && body.dataset.state !== "thanks") location.reload();
}

async function keepForLater() {
  if (!("serviceWorker" in navigator)) return;
  const workers = navigator.serviceWorker;
  const hadOne = workers.controller !== null;
  workers.addEventListener("controllerchange", () => {
    outdated = hadOne;
    renewWhenIdle();
  });
  const registration = await workers.register("/window/worker.js", { scope: path });
  setInterval(() => registration.update().catch(() => {}), UPDATE_MS);
  // So that a browser which is short of room throws away others' first.
  await navigator.storage?.persist?.();
}

async function open(outbox) {
  const session = new Session();
  const delivery = new Delivery(outbox, known.secret, async (how) => {
    body.dataset.line = how;
    body.dataset.waiting = await outbox.count();
    if (how === "ended") show("closed", "ended");
    else if (body.dataset.state === "closed") show("open");
    else repaint();
  });
  let settling = null;

  async function settle() {
    const choice = session.settle(performance.now());
    if (choice === null) {
      // A timer that came early; or nothing is open.
      if (session.due !== null) settling = setTimeout(settle, session.due - performance.now() + 1);
      return;
    }
    try {
      await outbox.add({ ...choice, mono: Math.round(choice.mono), date: Math.round(choice.date) });
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

  function ready() {
    for (const one of buttons) one.setAttribute("aria-pressed", "false");
    if (body.dataset.state !== "closed") show("open");
    renewWhenIdle();
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      if (body.dataset.state === "closed") return;
      if (!session.press(Number(button.dataset.level), performance.now(), Date.now())) return;
      for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
      show("chosen");
      clearTimeout(settling);
      settling = setTimeout(settle, SETTLE_MS);
    });
  }
  body.dataset.waiting = await outbox.count();
  show("open");
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
  const outbox = await Outbox.open(path.replace("/window/", ""));
  show("loading", "asking");
  try {
    known = await device(outbox);
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
