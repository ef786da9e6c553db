// The incidents of the chosen version: what is open, what waits for a second look, what is over; with evidence, and what was said.

import { element, fillTable } from "./dom.js";
import { count, moment, number } from "./format.js";
import { explain, headline } from "./why.js";

const COLUMNS = [["What", ""], ["Column", ""], ["Check", ""], ["Since (UTC)", ""], ["Until (UTC)", ""], ["n", "number"], ["Value", "number"],
  ["Usual", "number"], ["Limit", "number"], ["× limit", "number"], ["In words", ""]];

/** Fill the section. What the reader has unfolded stays unfolded. */
export function showIncidents(section, incidents) {
  const unfolded = new Set([...section.querySelectorAll("details[open]")].map((each) => each.dataset.key));
  const of = (state) => incidents.filter((each) => each.state === state).map((each) => describe(each, unfolded));
  const past = of("resolved");
  section.replaceChildren(...of("open"), ...of("pending"),
    ...(past.length ? [fold("resolved", `${past.length} resolved`, unfolded, ...past)] : []));
}

function describe(incident, unfolded) {
  const tone = { open: incident.severity === "critical" ? "bad" : "warn" }[incident.state] ?? null;
  const opened = `${incident.state === "resolved" ? "opened" : "since"} ${moment(Date.parse(incident.opened))}`;
  const evidence = incident.evidence ?? [];
  return element("div", { class: "incident", "data-tone": tone },
    element("span", { class: "badge", "data-tone": tone }, incident.state === "open" ? incident.severity : incident.state),
    element("p", {}, incident.summary),
    element("span", { class: "small" }, `${opened} · `, element("code", {}, incident.id)),
    said(incident.acknowledged),
    incident.why ? fold(`why ${incident.id}`, headline(incident.why), unfolded, explain(incident.why)) : null,
    evidence.length ? fold(incident.id, `Evidence (${evidence.length})`, unfolded, table(evidence)) : null);
}

/** Who has seen it, and until when nobody wants to hear of it. */
function said(acknowledged) {
  if (!acknowledged) return null;
  const until = acknowledged.silenced_until ? Date.parse(acknowledged.silenced_until) : 0;
  const silent = until > Date.now();
  const words = [`seen by ${acknowledged.by}, ${moment(Date.parse(acknowledged.at))}`, silent ? `silent until ${moment(until)}` : null,
    acknowledged.note || null];
  return element("p", { class: "said small" }, element("span", { class: "badge" }, silent ? "silenced" : "acknowledged"),
    ` ${words.filter(Boolean).join(" · ")}`);
}

function fold(key, title, unfolded, ...children) {
  return element("details", { "data-key": key, open: unfolded.has(key) ? "" : null }, element("summary", {}, title), ...children);
}

function table(evidence) {
  const node = element("table");
  fillTable(node, COLUMNS, evidence.map((each) => ({
    cells: [each.signal.replaceAll("_", " "), each.column || "–", each.check.replaceAll("_", " "), moment(Date.parse(each.since ?? each.start)),
      moment(Date.parse(each.end)), count(each.n ?? 0), number(each.value), number(each.expected), number(each.threshold), number(each.effect ?? 1), each.detail ?? ""],
  })));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Evidence" }, node);
}
