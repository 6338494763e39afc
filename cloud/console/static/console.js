// What a desk does by keyboard: rows with j and k, pages with g and a letter, the search box with /, help with ?.
// Everything else is the browser's own: links, buttons and forms, by Tab and Enter.

const rows = () => [...document.querySelectorAll("tbody tr")].map((row) => row.querySelector("a")).filter(Boolean);
// Keys are letters there, and nothing else; a box to be checked takes none.
const typing = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
let going = false;

function move(by) {
  const links = rows();
  if (!links.length) return;
  const at = links.indexOf(document.activeElement.closest("tr")?.querySelector("a"));
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + by))].focus();
}

// Choose the row that j or k has led to, or do not choose it any more.
function pick() {
  const box = document.activeElement.closest?.("tr")?.querySelector("input[type=checkbox]");
  if (box) box.checked = !box.checked;
  return Boolean(box);
}

function toggleKeys() {
  const panel = document.getElementById("keyboard");
  if (!panel) return;
  panel.hidden = !panel.hidden;
  document.getElementById("keys-button").setAttribute("aria-expanded", String(!panel.hidden));
}

addEventListener("keydown", (press) => {
  if (press.ctrlKey || press.metaKey || press.altKey || typing(press.target)) return;
  const key = press.key;
  if (going) {
    going = false;
    document.querySelector(`nav [data-go="${CSS.escape(key)}"]`)?.click();
    return;
  }
  if (key === "g") going = true;
  else if (key === "j") move(1);
  else if (key === "k") move(-1);
  else if (key === "?") toggleKeys();
  else if (key === "x" && pick()) press.preventDefault();
  else if (key === "/") {
    const search = document.querySelector("input[type=search]");
    if (!search) return;
    press.preventDefault();
    search.focus();
  } else choose(document.querySelector(`main [data-key="${CSS.escape(key)}"]`), press);
});

// The key of a case's deed leads on into its form, at once: what is typed next is the text.
function choose(target, press) {
  if (!target) return;
  if (!target.matches("summary, select")) return target.click();
  press.preventDefault();
  if (target.matches("select")) return target.focus();
  target.parentElement.open = true;
  target.parentElement.querySelector("input:not([type=hidden]), select, textarea").focus();
}

document.getElementById("keys-button")?.addEventListener("click", toggleKeys);
// Asked of the document, since what is live is made anew with the buttons in it.
addEventListener("click", (press) => press.target.closest?.("[data-print]") && print());

// Ctrl+Enter sends the form that one writes in; Escape leaves the field, so that keys are keys again.
addEventListener("keydown", (press) => {
  if (press.key === "Enter" && press.ctrlKey) press.target.closest?.("form")?.requestSubmit();
  if (press.key === "Escape" && typing(press.target)) press.target.blur();
});

// What is live is asked for anew whenever the city says that something has changed: the page is made on the server, and
// the same element of the new page takes the old one's place. Only a page that is looked at listens, and one at a time.
const live = document.getElementById("live");
let news = null;
let fetching = false;
let again = false;

async function renew() {
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  try {
    const reply = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (reply.ok && !reply.redirected) {
      const fresh = new DOMParser().parseFromString(await reply.text(), "text/html").getElementById("live");
      const held = document.activeElement?.closest?.("#live a")?.getAttribute("href");
      const now = document.getElementById("live");
      if (fresh && fresh.innerHTML !== now.innerHTML) {
        const chosen = new Map([...now.querySelectorAll("input:checked")].map((box) => [box.id, box.value]));
        const at = now.contains(document.activeElement) ? document.activeElement.id : "";
        now.replaceChildren(...fresh.childNodes);
        for (const [id, value] of chosen) {
          const box = document.getElementById(id);
          if (!box) continue;
          box.checked = true;
          // As it was looked at: what was changed since is to be refused.
          box.value = value;
        }
        if (held) now.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus();
        else if (at) document.getElementById(at)?.focus();
      }
    } else if (reply.redirected) location.reload();
  } catch {
    // The stream comes back by itself, and with it the next try.
  } finally {
    fetching = false;
    if (again) {
      again = false;
      renew();
    }
  }
}

// A page that answers a form is found again at its own address.
const here = document.getElementById("main").dataset.here;
if (here && location.pathname !== here) history.replaceState(null, "", here);

function listen() {
  news?.close();
  news = null;
  if (document.visibilityState !== "visible") return;
  news = new EventSource(live.dataset.news);
  news.onmessage = renew;
  news.onerror = () => {
    if (news.readyState === EventSource.CLOSED) setTimeout(listen, 2000 + 2000 * Math.random());
  };
}

// What no stream tells of is asked for every so many seconds, while it is looked at.
if (live?.dataset.every) {
  setInterval(() => document.visibilityState === "visible" && renew(), 1000 * Number(live.dataset.every));
}
if (live?.dataset.news) {
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", () => news?.close());
  listen();
}

// Keys that come before this are the browser's: whoever presses by machine waits for it.
document.documentElement.dataset.keys = "heard";
