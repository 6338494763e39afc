// The words of the wall in Chinese and English, and how numbers, ages and places are said.
// Fixed words stand in the pages themselves (text and data-en); here are those that come with numbers.

export const lang = new URLSearchParams(location.search).get("lang") === "en" ? "en" : "zh";

const zh = {
  title: (city) => `${city}政务服务满意度`,
  units: ["秒", "分钟", "小时", "天"],
  ago: (ms) => `${span(ms)}前`,
  live: "实时",
  silent: "中断",
  staleLong: (since) => `数据中断，画面停在 ${since}，正在重新连接`,
  never: "未连上数据服务，正在重新连接",
  connecting: "正在连接…",
  level: { 3: "满意", 2: "基本满意", 1: "不满意" },
  late: "补传",
  about: "约",
  estimated: (n) => `推算时间 ${n} 件`,
  lastWeek: (scores) => `上周同期 ${scores}`,
  weekChange: (points) => (points === 0 ? "与上周同期持平" : `较上周同期 ${signed(points)}`),
  few: (least) => `<${least} 件`,
  untouched: "今日无评价",
  turnout: ({ asked, rated, low, high }) => `参与率 ${Math.round((100 * rated) / asked)}% · 应评 ${grouped(asked)} · 全体 ${tenth(low)}–${tenth(high)}%`,
  weights: (w) => `得分 = 满意×${w[0]} + 基本满意×${w[1]} + 不满意×${w[2]}`,
  window: (place, number) => `${place} ${number}号窗`,
  windows: (n) => `${n} 窗`,
  state: { offline: "离线", stuck: "按键卡住", full: "存储已满", failing: "无法入账", unsynced: "未校时", skewed: "时钟偏差", damaged: "存储损坏" },
  lost: (n, numbers) => `丢失 ${n} 件：${numbers}`,
  spared: (n) => `损坏 ${n} 件，均已入账`,
  comma: "、",
  ledger: "市级账本",
  nodesFine: "✓ 设备全部正常",
  noNodes: "尚无设备上线",
  noLowest: (least) => `尚无窗口满 ${least} 件，不作排名`,
  noFeed: "今日尚无评价",
  case: { new: "待受理", contacted: "已联系", verified: "已核实", rectified: "已整改", replied: "已答复", revisited: "已回访" },
  days: (n) => `${n} 天`,
  open: (n) => `${n} 件未闭环`,
  overdue: (n) => `超期 ${n} 件`,
  noCases: "✓ 没有未闭环的不满意件",
  none: "无",
  trends: { minute: "近60分钟", hour: "近24小时", day: "近30天" },
  now: "现在",
  today: "今天",
  noTrend: "尚无评价",
  waiting: "待补传",
  townships: "乡镇",
  since: (ms) => `已 ${span(ms)}`,
  oldest: (ms) => `最久 ${span(ms)}`,
  noWaiting: "无积压",
  allFine: "✓ 设备正常",
  offline: (n) => `! 设备离线 ${n}`,
  lateWaiting: (n) => `! 待补传 ${n}`,
  lowAlarm: (score) => `! 低分窗口 ${score}`,
  low: (score) => `最低窗口 ${score}`,
  noLow: "暂无可排名窗口",
  openCases: (n) => `不满意件未闭环 ${n}`,
  lateCases: (n) => `! 不满意件超期 ${n}`,
  ofOpen: (n) => `未闭环 ${n}`,
  noneLate: "无超期",
  allClosed: "✓ 不满意件均已闭环",
  seal: ({ day, number, root }) => `${day.slice(5)} · 第 ${number} 号 · ${root.slice(0, 12)}`,
};

const en = {
  title: (city) => `${city} public service satisfaction`,
  units: ["s", "min", "h", "d"],
  ago: (ms) => `${span(ms)} ago`,
  live: "Live",
  silent: "Silent",
  staleLong: (since) => `No data: this is the picture of ${since}. Reconnecting`,
  never: "Not connected to the data service. Reconnecting",
  connecting: "Connecting…",
  level: { 3: "Sat.", 2: "Basic", 1: "Dissat." },
  late: "late",
  about: "≈",
  estimated: (n) => `${n} with an estimated time`,
  lastWeek: (scores) => `last week ${scores}`,
  weekChange: (points) => (points === 0 ? "same as last week" : `${signed(points)} on last week`),
  few: (least) => `<${least} ratings`,
  untouched: "none today",
  turnout: ({ asked, rated, low, high }) => `${Math.round((100 * rated) / asked)}% of ${grouped(asked)} asked rated · all asked ${tenth(low)}–${tenth(high)}%`,
  weights: (w) => `score = satisfied×${w[0]} + basic×${w[1]} + dissatisfied×${w[2]}`,
  window: (place, number) => `${place} no. ${number}`,
  windows: (n) => `${n} w`,
  state: { offline: "offline", stuck: "stuck key", full: "disk full", failing: "no entries", unsynced: "no time", skewed: "clock off", damaged: "bad disk" },
  lost: (n, numbers) => `lost ${n}: ${numbers}`,
  spared: (n) => `${n} damaged, none lost`,
  comma: ", ",
  ledger: "City ledger",
  nodesFine: "✓ all devices are well",
  noNodes: "no device has come online yet",
  noLowest: (least) => `No window has ${least} ratings yet: no ranking`,
  noFeed: "No rating today yet",
  case: { new: "New", contacted: "Contacted", verified: "Verified", rectified: "Rectified", replied: "Replied", revisited: "Revisited" },
  days: (n) => `${n} d`,
  open: (n) => `${n} open`,
  overdue: (n) => `${n} overdue`,
  noCases: "✓ no case is open",
  none: "none",
  trends: { minute: "60 minutes", hour: "24 hours", day: "30 days" },
  now: "now",
  today: "today",
  noTrend: "no ratings yet",
  waiting: "Waiting",
  townships: "Townships",
  since: (ms) => `for ${span(ms)}`,
  oldest: (ms) => `oldest ${span(ms)}`,
  noWaiting: "none held up",
  allFine: "✓ Devices well",
  offline: (n) => `! Offline ${n}`,
  lateWaiting: (n) => `! Waiting ${n}`,
  lowAlarm: (score) => `! Low ${score}`,
  low: (score) => `Lowest ${score}`,
  noLow: "No window to rank yet",
  openCases: (n) => `Open cases ${n}`,
  lateCases: (n) => `! Overdue cases ${n}`,
  ofOpen: (n) => `open ${n}`,
  noneLate: "none overdue",
  allClosed: "✓ No open cases",
  seal: ({ day, number, root }) => `${day.slice(5)} · no. ${number} · ${root.slice(0, 12)}`,
};

export const words = lang === "en" ? en : zh;

const plain = new Intl.NumberFormat("en-US");
export const grouped = (n) => plain.format(n);

// With its sign, a real minus one; a difference of percent is in points.
const signed = (points) => `${points < 0 ? "−" : "+"}${tenth(Math.abs(points))}`;

export const tenth = (n) => (n === null || n === undefined ? "—" : n.toFixed(1));

// An age in its largest whole unit. ms -> "12 秒", "3 分钟", "5 小时", "3 天".
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [size, unit] = seconds < 60 ? [1, 0] : seconds < 3600 ? [60, 1] : seconds < 172800 ? [3600, 2] : [86400, 3];
  return `${Math.floor(seconds / size)} ${words.units[unit]}`;
}

const SYLLABLE = /(?:[zcs]h|[b-df-hj-np-tw-z])?[aeiouü]+(?:ng(?![aeiouü])|n(?![aeiouü])|r(?![aeiouü]))?/gi;
// Soft hyphens between the syllables of a pinyin name, so that a tile breaks it where a reader would.
export const syllables = (name) => name.replace(SYLLABLE, (part, at) => (at ? `\u00AD${part}` : part));

// Puts the page into its language: <html lang>, its fixed words, its labels, its two links.
export function settle() {
  const other = lang === "en" ? "zh" : "en";
  document.documentElement.lang = lang === "en" ? "en" : "zh-CN";
  const query = lang === "en" ? "?lang=en" : "";
  const switcher = document.getElementById("other-lang");
  switcher.href = other === "en" ? "?lang=en" : location.pathname;
  switcher.lang = switcher.hreflang = other === "en" ? "en" : "zh-CN";
  switcher.textContent = other === "en" ? "English" : "中文";
  document.getElementById("other-view").href += query;
  if (lang !== "en") return;
  for (const element of document.querySelectorAll("[data-en]")) element.textContent = element.dataset.en;
  for (const element of document.querySelectorAll("[data-en-label]")) element.ariaLabel = element.dataset.enLabel;
}
