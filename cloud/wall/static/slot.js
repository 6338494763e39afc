import { grouped } from "./words.js";

// A slot is a fixed place on the wall. Slots are made once and only ever rewritten, so the number of DOM
// nodes stays what it was in the first second, for months.

export const make = (tag, className = "", ...inside) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...inside);
  return element;
};

export const draw = (tag, attributes = {}, ...inside) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
};

export const byId = (id) => document.getElementById(id);

// Writes only what differs: an unchanged slot costs no layout and no repaint.
export const put = (element, text) => {
  const held = element.firstChild;
  if (!held) element.append(String(text));
  else if (held.data !== String(text)) held.data = String(text);
};

export const mark = (element, name, value) => {
  const text = value === null || value === undefined ? "" : String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
};

export const numbered = (id, n) => {
  put(byId(id), n === null || n === undefined ? "—" : grouped(n));
  mark(byId(id), "data-count", n);
};

export const style = (element, name, value) => {
  if (element.style[name] !== value) element.style[name] = value;
};

export const shade = (element, className, on) => {
  if (element.classList.contains(className) !== on) element.classList.toggle(className, on);
};

export const show = (element, on) => {
  if (element.hidden === on) element.hidden = !on;
};

// [satisfied, basic, dissatisfied] as the widths of a bar made of three <i>, in thousandths: finer than a bar can show, so
// that most ratings leave its layout as it is.
export const fill = (bar, counts) => {
  const all = counts.reduce((sum, count) => sum + count, 0) || 1;
  counts.forEach((count, at) => {
    style(bar.children[at], "flexGrow", String(Math.round((1000 * count) / all)));
    style(bar.children[at], "minWidth", count ? "0.3rem" : "0px");
    show(bar.children[at], count > 0);
  });
};
