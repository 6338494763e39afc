// What both views share: names, stream, clock, staleness and the cadence of painting.
import { Board } from "./board.js";
import { Cadence } from "./cadence.js";
import { Clock } from "./clock.js";
import { byId, mark, put, show } from "./slot.js";
import { fetchPlaces } from "./places.js";
import { Stream } from "./stream.js";
import { settle, span, words } from "./words.js";

const STALE_MS = 5000;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// build(places) makes a view's parts and returns paint(picture, places, clock).
export async function live(build) {
  settle();
  const board = new Board();
  const clock = new Clock();
  const started = performance.now();
  let places = null;
  let paintView = null;
  let fetching = false;
  let held = [];
  let behindAt = null;
  let boot = null;

  const cadence = new Cadence(() => {
    const silence = performance.now() - (stream.heard ?? started);
    paintState(board.picture && stream.heard !== null, silence, clock);
    if (board.picture && paintView) paintView(board.picture, places, clock);
  });

  // A fresh picture by hand, after anything that cannot be merged. Diffs arriving meanwhile wait for it.
  const resync = async () => {
    if (fetching) return;
    fetching = true;
    try {
      const reply = await fetch("/api/board", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!reply.ok) throw new Error(`board: ${reply.status}`);
      accept(await reply.json());
      if (!held.every((diff) => board.merge(diff))) stream.again();
    } catch {
      stream.again();
    } finally {
      held = [];
      fetching = false;
      cadence.ask();
    }
  };

  const accept = (picture) => {
    board.take(picture);
    clock.adopt(picture.now);
    clock.zone = board.picture.zone;
    if (boot !== null && boot !== board.boot) renewPlaces(places);
    boot = board.boot;
  };

  const stream = new Stream({
    snapshot(picture) {
      held = [];
      accept(picture);
      cadence.ask();
    },
    diff(diff) {
      if (fetching) {
        if (held.length < 64) held.push(diff);
        return;
      }
      if (!board.merge(diff)) resync();
      else if (diff.now) clock.adopt(diff.now);
      cadence.ask();
    },
    tick(tick) {
      clock.adopt(tick.now);
      // One tick may overtake a diff; two in a row say that a diff never came.
      const behind = board.picture !== null && board.behind(tick.id);
      if (behind && behindAt === board.number) resync();
      behindAt = behind ? board.number : null;
      cadence.ask();
    },
    garbled: resync,
  });

  cadence.ask();
  setInterval(() => cadence.ask(), 1000);
  for (let wait = 500; places === null; wait = Math.min(5000, wait * 2)) {
    places = await fetchPlaces().catch(() => null);
    if (places === null) await pause(wait * (0.5 + Math.random() / 2));
  }
  document.title = words.title(places.city);
  put(byId("title"), document.title);
  paintView = build(places);
  stream.start();
}

let renewing = false;

// A city that started anew may have other names, or be of another version: then the page starts anew as well, once the
// city is there to give it. A page that could not be had would stay an error for ever, with nobody there to see to it.
async function renewPlaces(places) {
  if (renewing || places === null) return;
  renewing = true;
  for (let wait = 500; ; wait = Math.min(30_000, wait * 2)) {
    // Never at once: a hall of walls would all ask for everything in one moment.
    await pause(wait * (0.5 + Math.random()));
    const renewed = await fetchPlaces().catch(() => null);
    if (renewed === null) continue;
    if (renewed.text === places.text) break;
    const page = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(5000) }).catch(() => null);
    if (page?.ok) return location.reload();
  }
  renewing = false;
}

function paintState(seen, silence, clock) {
  const stale = silence > STALE_MS;
  mark(document.body, "data-state", stale ? "stale" : seen ? "live" : "loading");
  const pill = stale ? words.silent : words.live;
  put(byId("pill-word"), stale || seen ? `${pill} ${span(silence)}` : words.connecting);
  const now = clock.now;
  if (now !== null && clock.seconds) {
    const full = byId("date") !== null;
    put(byId("clock"), (full ? clock.seconds : clock.minutes).format(now));
    if (full) put(byId("date"), clock.date.format(now));
  }
  show(byId("stale"), stale);
  document.querySelector("nav").inert = stale; // it lies under the banner
  if (!stale) return;
  document.body.style.setProperty("--age", `"${words.ago(silence)}"`); // near.css writes it on every tile
  const since = seen ? clock.seconds.format(now - silence) : "";
  put(byId("stale-word"), `! ${seen ? words.staleLong(since) : words.never}`);
  put(byId("stale-age"), span(silence));
}
