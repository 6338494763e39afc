// An assistant's telephone, composed of what carriers have: a visit is recorded, the telephone is handed over, and every
// number is a visit's, rated or not.
//
//   body[data-state]     record | open | chosen | thanks | full, besides those of page.js
//   #record              the form; #wrong says what is to be mended there, #hand hands the telephone over
//   #decline             the citizen would rather not rate
import { choices } from "./choices.js";
import { begin, body, show } from "./page.js";
import { learn, put } from "./words.js";

learn({
  title: ["上门服务 · 满意", "Visits · Manyi"],
  thanks: ["谢谢，您的评价已经记下。请把手机还给帮办代办员。", "Thank you, your rating is recorded. Please hand the telephone back."],
  declined: ["好的，没有记下评价。请把手机还给帮办代办员。", "All right, no rating was recorded. Please hand the telephone back."],
  full: ["没有记下来，请再按一次。", "It was not recorded. Please press once more."],
  unset: ["这部手机还没有设置。请在管理台“帮办手机”页生成链接，在这部手机上打开。", "This telephone is not set up. Make a link on the console's page Assistants, and open it here."],
  ended: ["这部手机已经停用。", "This telephone is not in use any more."],
  where: ["{called} 窗口", "For the window: {called}"],
  place: ["请填写村（社区）或服务站。", "Please say which village or station it was."],
  item: ["请填写办理事项。", "Please say which item it was."],
  when: ["请填写服务时间。", "Please give the day and time."],
  number: ["不要写电话或连着 7 位以上的数字。", "Please leave out telephones, and any seven digits."],
  unkept: ["这部手机存不下，没有登记。", "This telephone cannot store it; nothing was recorded."],
});

// Seven digits without a letter between them, but for a day.
const NUMBER = /\d(?:[^\p{L}]*\d){6,}/u;
const DAY = /\d{4}[-./年]\d{1,2}[-./月]\d{1,2}日?/gu;
const SAID = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/;
const MINUTE_MS = 60_000;

const form = document.getElementById("record");
const field = (name) => document.getElementById(name);
// What is no letter, half of one among it, would not be taken by the city, and hold up what stands behind it.
const plain = (name) => {
  const text = field(name).value.normalize("NFC").slice(0, field(name).maxLength);
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}]+/gu, " ").trim();
};
// A record that waits for the citizen; null while there is none.
let draft = null;

// This minute by the telephone's own clock and zone.
function thisMinute() {
  const now = new Date();
  const text = new Date(now.getTime() - now.getTimezoneOffset() * MINUTE_MS).toISOString().slice(0, 16);
  return SAID.test(text) ? text : "";
}

function told() {
  return {
    kind: form.elements.kind.value,
    place: plain("place"),
    item: plain("item"),
    said: field("when").value.slice(0, 16),
    note: plain("note"),
  };
}

// Which field is to be mended, and the key of what is said; null where all can be kept.
function amiss({ place, item, said, note }) {
  if (place === "") return ["place", "place"];
  if (item === "") return ["item", "item"];
  if (!SAID.test(said)) return ["when", "when"];
  const found = Object.entries({ place, item, note }).find(([, text]) => NUMBER.test(text.replace(DAY, " ")));
  return found === undefined ? null : [found[0], "number"];
}

function complain(name, key) {
  for (const one of ["place", "item", "when", "note"]) field(one).setAttribute("aria-invalid", String(one === name));
  put(field("wrong"), key);
  if (name !== "") field(name).focus();
}

// The place is mostly the last one's; the rest is not.
function clear() {
  field("item").value = "";
  field("note").value = "";
  field("when").value = thisMinute();
  complain("", "");
}

function stand(ended) {
  if (ended) show("closed", "ended");
  else if (draft !== null) show("open");
  else {
    if (body.dataset.state !== "record") clear();
    show("record");
  }
}

begin({
  root: "/visit",
  setup: "/api/home/setup",
  name: "visit ",
  inTheMiddle: () => body.dataset.state !== "record" || plain("item") !== "" || plain("note") !== "",
  open: async (outbox, secret) => {
    // The power may have gone between record and rating.
    draft = (await outbox.fact("draft")) ?? null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const visit = told();
      const wrong = amiss(visit);
      if (wrong !== null) return complain(...wrong);
      try {
        await outbox.put("draft", visit);
      } catch {
        return complain("", "unkept");
      }
      draft = visit;
      complain("", "");
      show("open");
    });
    await choices({
      outbox,
      secret,
      to: { at: "/api/home/visits", named: "visits", most: 40 },
      keep: async ({ mono, date, level, presses }) => {
        const { kind, place, item, said, note } = draft;
        await outbox.add([mono, date, level, level === 0 ? 0 : presses, kind, place, item, said, note], "draft");
        draft = null;
      },
      thanks: ({ level }) => (level === 0 ? "declined" : "thanks"),
      stand,
    });
  },
});
