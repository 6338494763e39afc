// What a page says, in Chinese and English; what stands in the page itself has its English beside it (data-en).

const WORDS = {
  another: ["这个页面已在另一处打开，请关闭其中一个。", "This page is open a second time. Please close one of the two."],
  asking: ["正在设置……", "Setting up…"],
  refused: ["设置链接已经用过或过期，请重新生成。", "This link is used or over. Please make another one."],
  away: ["暂时连不上，会自动重试。", "There is no line now; it is tried again by itself."],
  online: ["已联网", "Online"],
  offline: ["断网，评价保存在本机", "Offline; ratings are kept here"],
  waiting: ["待上传 {n}", "{n} to send"],
};

let english = false;

// What this page says besides.
export function learn(words) {
  Object.assign(WORDS, words);
}

export function say(key, figures = {}) {
  const text = WORDS[key][english ? 1 : 0];
  return Object.entries(figures).reduce((said, [name, value]) => said.replace(`{${name}}`, value), text);
}

// Say it in `one`, which follows the language from then on; nothing for the key "".
export function put(one, key) {
  [one.dataset.zh, one.dataset.en] = key === "" ? ["", ""] : WORDS[key];
  one.textContent = english ? one.dataset.en : one.dataset.zh;
}

export function isEnglish() {
  return english;
}

// Put the whole page into one language; `repaint` says the rest again.
export function speak(wanted, repaint) {
  english = wanted;
  document.documentElement.lang = english ? "en" : "zh-CN";
  document.title = say("title");
  for (const one of document.querySelectorAll("[data-en]")) {
    one.dataset.zh ??= one.textContent;
    one.textContent = english ? one.dataset.en : one.dataset.zh;
  }
  const other = document.getElementById("language");
  other.textContent = english ? "中文" : "English";
  other.lang = english ? "zh-CN" : "en";
  repaint();
}
