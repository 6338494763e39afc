// What the page says, in Chinese and English; what stands in the page itself has its English beside it (data-en).

const WORDS = {
  title: ["请您评价 · 满意", "Your rating · Manyi"],
  thanks: ["谢谢，您的评价已经记下", "Thank you, your rating is recorded"],
  full: ["没有记下来，请稍后再按一次，或找工作人员", "It was not recorded. Please press again later, or tell the staff."],
  asking: ["正在设置……", "Setting up…"],
  unset: ["这台平板还没有设置。请在管理台“平板”页生成链接，在这台平板上打开。", "This tablet is not set up. Make a link on the console's page Tablets, and open it here."],
  refused: ["设置链接已经用过或过期，请重新生成。", "This link is used or over. Please make another one."],
  another: ["这个窗口已在另一个页面打开，请关闭其中一个。", "This window is open in another page. Please close one of them."],
  away: ["暂时连不上，会自动重试。", "There is no line now; it is tried again by itself."],
  ended: ["这台平板已经停用。请使用窗口上的按钮。", "This tablet is not in use any more. Please use the buttons at the window."],
  online: ["已联网", "Online"],
  offline: ["断网，评价保存在本机", "Offline; ratings are kept here"],
  waiting: ["待上传 {n}", "{n} to send"],
  where: ["{called} 窗口", "Window: {called}"],
};

let english = false;

export function say(key, figures = {}) {
  const text = WORDS[key][english ? 1 : 0];
  return Object.entries(figures).reduce((said, [name, value]) => said.replace(`{${name}}`, value), text);
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
