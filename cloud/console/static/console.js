// What a desk does by keyboard: rows with j and k, pages with g and a letter, the search box with /, help with ?.
// Everything else is the browser's own: links, buttons and forms, by Tab and Enter.

const rows = () => [...document.querySelectorAll("tbody tr")].map((row) => row.querySelector("a")).filter(Boolean);
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");
let going = false;

function move(by) {
  const links = rows();
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + by))].focus();
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
  else if (key === "/") {
    const search = document.querySelector("input[type=search]");
    if (!search) return;
    press.preventDefault();
    search.focus();
  } else document.querySelector(`main [data-key="${CSS.escape(key)}"]`)?.click();
});

document.getElementById("keys-button")?.addEventListener("click", toggleKeys);
for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());
