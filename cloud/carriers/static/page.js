// The page of a carrier: what it shows, its language, its set-up, and that it is kept for when there is no line.
//
//   body[data-state]     loading | unset, also while another page is open | closed | those of the page itself
//   body[data-waiting]   how many the city does not hold yet
//   body[data-line]      held | away | ended: how the last delivery went; "" before the first
//   #called, #line, #said, #language   whose it is, how the line is, what is said, the switch
import { alone } from "./alone.js";
import { Outbox } from "./outbox.js";
import { device } from "./setup.js";
import { isEnglish, say, speak } from "./words.js";

const AGAIN_MS = 5_000;
// Whoever comes next finds Chinese.
const BACK_MS = 30_000;
const UPDATE_MS = 3_600_000;

export const body = document.body;
const path = location.pathname;
const called = document.getElementById("called");
const line = document.getElementById("line");
const said = document.getElementById("said");

let shown = "";
let known;
let back = null;
let outdated = false;
let busy = () => false;

export function show(state, key = "") {
  body.dataset.state = state;
  shown = key;
  repaint();
}

export function repaint() {
  said.textContent = shown === "" ? "" : say(shown);
  called.textContent = known === undefined ? "" : say("where", { called: isEnglish() ? known.en : known.zh });
  const waiting = Number(body.dataset.waiting ?? 0);
  const parts = [say(body.dataset.line === "held" ? "online" : "offline")];
  if (waiting > 0) parts.push(say("waiting", { n: waiting }));
  line.textContent = parts.join(" · ");
}

// A page of a newer program, or with a disk again, comes once nobody is in the middle of something.
export function renewWhenIdle() {
  if (outdated && !busy()) location.reload();
}

function renew() {
  outdated = true;
  renewWhenIdle();
}

function listen() {
  document.getElementById("language").addEventListener("click", () => {
    speak(!isEnglish(), repaint);
    rest();
  });
  addEventListener("pointerdown", rest);
  // One who opens another link in the same tab.
  addEventListener("hashchange", () => location.reload());
}

function rest() {
  clearTimeout(back);
  back = setTimeout(() => speak(false, repaint), BACK_MS);
}

async function keepForLater(worker) {
  const manifest = document.createElement("link");
  manifest.rel = "manifest";
  manifest.href = `${path}/app.webmanifest`;
  document.head.append(manifest);
  if (!("serviceWorker" in navigator)) return;
  const workers = navigator.serviceWorker;
  const hadOne = workers.controller !== null;
  workers.addEventListener("controllerchange", () => {
    if (hadOne) renew();
  });
  const registration = await workers.register(worker, { scope: path });
  setInterval(() => registration.update().catch(() => {}), UPDATE_MS);
  // So that a browser which is short of room throws away others' first.
  await navigator.storage?.persist?.();
}

// Begin the page that stands under `root` by its window: set up at `setup`, with what it keeps under `name` and the window.
// `inTheMiddle()` says whether it may not be loaded anew now. `open(outbox, secret)` goes on once it is somebody's.
export async function begin({ root, setup, name, inTheMiddle, open }) {
  busy = inTheMiddle;
  speak(new URLSearchParams(location.search).get("lang") === "en", repaint);
  listen();
  keepForLater(`${root}/worker.js`).catch(() => {});
  const window = path.replace(`${root}/`, "");
  try {
    show("loading", "asking");
    await alone(name + window, () => show("unset", "another"));
    show("loading", "asking");
    const outbox = await Outbox.open(name + window, renew);
    try {
      known = await device(outbox, window, setup);
    } catch (bad) {
      show("unset", bad.message === "refused" ? "refused" : "away");
      if (bad.message !== "refused") setTimeout(() => location.reload(), AGAIN_MS);
      return;
    }
    if (known === undefined) show("unset", "unset");
    else await open(outbox, known.secret);
  } catch {
    show("closed", "full");
  }
}
