// Why an incident may be: suspects, segments, what else changed, and rows from before and after.

import { element, fillTable } from "./dom.js";
import { count, interval, moment, number, percent } from "./format.js";

/** The likeliest reasons in a line. */
export function headline(why) {
  const names = [...(why.suspects ?? []).slice(0, 3).map((each) => each.feature), ...(why.changes ?? []).slice(0, 2).map((each) => each.what)];
  return names.length ? `Why: ${names.join(", ")}` : "Why";
}

/** What is known of the cause. */
export function explain(why) {
  const changes = (why.changes ?? []).map((each) =>
    element("li", {}, element("span", { class: "badge" }, each.what), ` ${moment(Date.parse(each.at))} UTC: ${each.detail}`));
  return element("div", { class: "why" },
    element("p", {}, `First window affected: ${moment(Date.parse(why.since))} UTC.`),
    part("Suspects", suspects(why.suspects ?? [])),
    part("Segments that carry the loss", segments(why.segments ?? [])),
    part("What else changed", changes.length ? element("ul", {}, ...changes) : null),
    part("Rows before and after", rows(why.before ?? [], why.after ?? [])));
}

const part = (name, content) => (content ? element("section", {}, element("h4", {}, name), content) : null);

function suspects(found) {
  if (!found.length) return null;
  return table([["Feature", ""], ["× its threshold", "number"], ["Importance", "number"], ["Rank", "number"], ["Share before → now", ""]],
    found.map((each) => [each.feature, number(each.drift), percent(each.importance), number(each.rank),
      (each.top ?? []).map(([name, before, now]) => `${name}: ${percent(before)} → ${percent(now)}`).join("; ") || "–"]));
}

function segments(found) {
  if (!found.length) return null;
  return table([["Segment", ""], ["Scored", "number"], ["Error", "number"], ["95 % interval", "number"], ["Elsewhere", "number"], ["Of the loss", "number"]],
    found.map((each) => [`${each.segment} = ${each.value}`, count(each.n), number(each.metric), interval(each.low, each.high), number(each.rest), percent(each.loss)]));
}

/** Features as rows, sampled rows as columns: a few long names read better downwards. */
function rows(before, after) {
  const names = [...new Set([...before, ...after].flatMap(Object.keys))];
  if (!names.length) return null;
  const sides = [...before.map((row, i) => [`Before ${i + 1}`, row]), ...after.map((row, i) => [`After ${i + 1}`, row])];
  const shown = (value) => (value === undefined ? "–" : value === null ? "missing" : typeof value === "number" ? number(value) : value);
  return table([["Feature", ""], ...sides.map(([name]) => [name, "number"])], names.map((name) => [name, ...sides.map(([, row]) => shown(row[name]))]));
}

function table(columns, found) {
  const node = element("table");
  fillTable(node, columns, found.map((cells) => ({ cells })));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": columns[0][0] }, node);
}
