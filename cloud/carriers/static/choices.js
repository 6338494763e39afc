// The three buttons, and what becomes of a press: marked at once, settled after a moment, thanked for when it is kept.
//
//   #choices [data-level]  the buttons; state chosen: the last press is marked, and may still be changed
import { ring } from "./bell.js";
import { date, mono } from "./clocks.js";
import { Delivery } from "./delivery.js";
import { body, renewWhenIdle, repaint, show } from "./page.js";
import { COOLDOWN_MS, SETTLE_MS, Session } from "./session.js";

// Take choices while `stand()` shows them, and deliver what is kept `to` the city. `keep(choice)` puts one on disk;
// `thanks(choice)` is what is said then. `stand(ended)` shows the page as it stands between choices.
export async function choices({ outbox, secret, to, keep, thanks, stand }) {
  const buttons = [...document.querySelectorAll("[data-level]")];
  const session = new Session();
  // As the city said when it last answered: without a line, and after a reload, that holds on.
  let ended = (await outbox.fact("ended")) ?? false;
  let settling = null;

  const delivery = new Delivery(outbox, secret, to, async (how) => {
    body.dataset.line = how;
    body.dataset.waiting = await outbox.count();
    if (how !== "away" && ended !== (how === "ended")) {
      ended = how === "ended";
      await outbox.put("ended", ended);
      stand(ended);
    } else repaint();
  });

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
      await keep(choice);
    } catch {
      show("full", "full");
      setTimeout(ready, COOLDOWN_MS);
      return;
    }
    show("thanks", thanks(choice));
    ring();
    setTimeout(ready, COOLDOWN_MS);
    body.dataset.waiting = await outbox.count();
    repaint();
    delivery.send();
  }

  function ready() {
    for (const one of buttons) one.setAttribute("aria-pressed", "false");
    stand(ended);
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
  stand(ended);
  delivery.send();
}
