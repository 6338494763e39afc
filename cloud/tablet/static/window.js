// A virtual window, composed of what carriers have: the buttons are there all the time, and every number is a rating's.
//
//   body[data-state]     open | chosen | thanks | full, besides those of page.js
import { choices } from "./choices.js";
import { begin, body, show } from "./page.js";
import { learn } from "./words.js";

learn({
  title: ["请您评价 · 满意", "Your rating · Manyi"],
  thanks: ["谢谢，您的评价已经记下", "Thank you, your rating is recorded"],
  full: ["没有记下来，请稍后再按一次，或找工作人员", "It was not recorded. Please press again later, or tell the staff."],
  unset: ["这台平板还没有设置。请在管理台“平板”页生成链接，在这台平板上打开。", "This tablet is not set up. Make a link on the console's page Tablets, and open it here."],
  ended: ["这台平板已经停用。请使用窗口上的按钮。", "This tablet is not in use any more. Please use the buttons at the window."],
  where: ["{called} 窗口", "Window: {called}"],
});

begin({
  root: "/window",
  setup: "/api/tablet/setup",
  name: "",
  inTheMiddle: () => body.dataset.state === "chosen" || body.dataset.state === "thanks",
  open: (outbox, secret) =>
    choices({
      outbox,
      secret,
      to: { at: "/api/tablet/ratings", named: "rows", most: 200 },
      keep: ({ mono, date, level, presses }) => outbox.add([mono, date, level, presses]),
      thanks: () => "thanks",
      stand: (ended) => (ended ? show("closed", "ended") : show("open")),
    }),
});
