// Which language a page is in, and its fixed words: those stand in the page in Chinese, and in `data-en` in English.

export const asked = new URLSearchParams(location.search).get("lang") === "en" ? "en" : "zh";

// Say the fixed words below `part` in `lang`; from then on its text is its own again.
export function say(lang, part = document) {
  document.documentElement.lang = lang === "en" ? "en" : "zh-CN";
  for (const element of part.querySelectorAll("[data-en]")) {
    element.dataset.zh ??= element.textContent;
    element.textContent = lang === "en" ? element.dataset.en : element.dataset.zh;
  }
  for (const element of part.querySelectorAll("[data-label-en]")) {
    element.dataset.labelZh ??= element.getAttribute("aria-label");
    element.setAttribute("aria-label", lang === "en" ? element.dataset.labelEn : element.dataset.labelZh);
  }
}

// A new element with a class and a text.
export function made(tag, kind = "", text = "") {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text) element.textContent = text;
  return element;
}
