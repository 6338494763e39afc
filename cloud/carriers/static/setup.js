// From the one-time link to a secret of the carrier's own. It makes that and keeps it before it asks, so that the same
// can be asked again when an answer is lost.

import { newSecret } from "./outbox.js";

const PATIENCE_MS = 8_000;

// The device of `window`: { secret, zh, en }; undefined where there is none. Throws "refused", or "away" where nothing was
// answered and there is none that could go on meanwhile.
export async function device(outbox, window, at) {
  const link = location.hash.slice(1);
  const asked = await outbox.fact("asked");
  if (link !== "" && asked?.link !== link) {
    await outbox.put("asked", { link, secret: newSecret() });
  }
  // Out of the address, where somebody could read it off the screen.
  if (link !== "") history.replaceState(null, "", location.pathname + location.search);
  const wanted = await outbox.fact("asked");
  const known = await outbox.fact("device");
  if (wanted === undefined || wanted.secret === known?.secret) return known;
  const bound = await ask(at, { ...wanted, window });
  if (bound === "away") {
    if (known !== undefined && !(await outbox.fact("ended"))) return known;
    throw new Error("away");
  }
  if (bound === "refused") {
    // What is set up stays so.
    await outbox.put("asked", known === undefined ? undefined : { link: "", secret: known.secret });
    if (known !== undefined) return known;
    throw new Error("refused");
  }
  const found = { secret: wanted.secret, zh: bound.zh, en: bound.en };
  await outbox.put("device", found);
  await outbox.put("ended", false);
  return found;
}

async function ask(at, wanted) {
  let answer;
  try {
    answer = await fetch(at, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(wanted),
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.status === 200) return await answer.json();
  } catch {
    // As below.
  }
  return answer?.status === 403 || answer?.status === 400 ? "refused" : "away";
}
