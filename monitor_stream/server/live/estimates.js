// What was foretold of a metric, and the mark that labels contradict it: never one without the other.

import { element } from "./dom.js";
import { interval, number } from "./format.js";

/** {value, low, high, contradicted} of a metric, or null. */
export function foretold(estimates, name) {
  const value = estimates?.values?.[name];
  if (value === undefined) return null;
  const [low, high] = estimates.bands?.[name] ?? [value, value];
  return { value, low, high, contradicted: estimates.contradicted ?? false };
}

/** A cell: the value, its band below it, and the mark; `contradicted` where it is known to be so by now. */
export function foretell(estimates, name, { contradicted = false, brief = false } = {}) {
  const found = foretold(estimates, name);
  if (!found) return "–";
  const cell = [number(found.value), element("br"), element("span", { class: "small" }, interval(found.low, found.high))];
  if (!found.contradicted && !contradicted) return cell;
  const mark = element("span", { class: "mark", title: "Labels contradict it" }, "✗", element("span", { class: brief ? "hidden" : null }, " contradicted"));
  return brief ? cell.toSpliced(1, 0, " ", mark) : [...cell, element("br"), mark];
}
