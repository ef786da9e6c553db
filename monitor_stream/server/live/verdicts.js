// What there is to say of a version beyond its windows: who carries the loss, how groups fare, what scores mean, which version is better.

import { element, fillTable, setText } from "./dom.js";
import { count, interval, moment, number, percent, signed, start, title, words } from "./format.js";
import { drawReliability } from "./reliability.js";

const find = (id) => document.getElementById(id);
const UNDECIDED = "too early to say"; // left out by the server, as every default is
const TOGETHER = "\u001f"; // between two features whose values never came together
const LEANED_ON = 10; // features
const TONES = { unfair: "bad", fair: "good", worse: "bad", better: "good" };

/** Fill the sections of verdicts; those with nothing to say are hidden. `verdicts` is null before the first answer. */
export function showVerdicts(verdicts) {
  showContradiction(verdicts?.contradiction);
  showLosses(verdicts?.segment_losses ?? []);
  showFairness(verdicts?.fairness ?? []);
  showCalibration(verdicts?.calibration ?? null);
  showComparisons(verdicts?.comparisons ?? []);
  showOutliers(verdicts?.examples ?? []);
  showAttribution(verdicts?.attribution ?? null);
  for (const id of ["losses", "fairness", "calibration", "comparisons", "outliers", "attribution"]) find(`${id}-section`).hidden = find(id).childElementCount === 0;
}

/** Above all numbers: an estimate that labels contradict must not be read past. */
function showContradiction(said) {
  const box = find("contradiction");
  box.hidden = !said?.active;
  if (box.hidden) return;
  const since = said.since ? ` since ${moment(Date.parse(said.since))} UTC` : "";
  setText(box.querySelector("p"), `Labels contradict the estimates${since}. Errors are ${signed(said.gap)} (${interval(said.low, said.high, signed)}) from what was `
    + `foretold, over ${count(said.seen ?? 0)} labels; it was certain after ${count(said.labels ?? 0)}. Do not believe estimated metrics, good or bad, until they agree again.`);
}

function showLosses(losses) {
  if (!losses.length) return find("losses").replaceChildren();
  fillTable(find("losses"), [["Segment", ""], ["Scored", "number"], ["Error", "number"], ["Elsewhere", "number"], ["Of the loss", "number"]],
    losses.map((each) => ({
      cells: [`${each.segment} = ${each.value}`, count(each.n), below(number(each.metric), interval(each.low, each.high)), number(each.rest), bar(each.loss)],
    })));
}

function bar(share) {
  const width = `${Math.max(0, Math.min(1, share)) * 100}`;
  return element("span", { class: "share" }, element("meter", { min: 0, max: 100, value: width, "aria-hidden": "true" }), percent(share));
}

/** One table an attribute: what differs, by how much, between whom, and the groups folded below it. */
function showFairness(attributes) {
  const unfolded = new Set([...find("fairness").querySelectorAll("details[open]")].map((each) => each.dataset.key));
  find("fairness").replaceChildren(...attributes.map((each) => describe(each, unfolded.has(each.attribute))));
}

function describe(each, open) {
  const days = `${start(Date.parse(each.start), 86400e3)} to ${start(Date.parse(each.end) - 1, 86400e3)}`;
  const gaps = element("table");
  fillTable(gaps, [["Criterion", ""], ["Verdict", ""], ["Difference", "number"], ["Ratio", "number"], ["Between", "wraps"]],
    (each.gaps ?? []).map((gap) => ({
      cells: [words(gap.criterion), badge(gap.verdict), below(number(gap.difference), interval(gap.low, gap.high)), number(gap.ratio),
        gap.highest ? `${gap.highest} and ${gap.lowest}` : "–"],
    })), each.not_computable || "No two groups are large enough");
  const groups = each.groups ?? [];
  return element("div", { class: "attribute" }, element("h4", {}, each.attribute, element("span", { class: "small" }, ` ${days}`)), gaps,
    groups.length ? element("details", { "data-key": each.attribute, open: open ? "" : null }, element("summary", {}, `Groups (${groups.length})`), groupTable(groups)) : null);
}

function groupTable(groups) {
  const names = [...new Set(groups.flatMap((group) => Object.keys(group.values ?? {})))];
  const table = element("table");
  fillTable(table, [["Group", ""], ["Predictions", "number"], ["Scored", "number"], ...names.map((name) => [title(name), "number"])],
    groups.map((group) => ({ cells: [group.value, count(group.n), count(group.scored), ...names.map((name) => ranged(group, name))] })));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Groups" }, table);
}

/** A value with its interval below it. */
export function ranged({ values, intervals }, name) {
  const [low, high] = intervals?.[name] ?? [];
  return low === undefined ? number(values?.[name]) : below(number(values?.[name]), interval(low, high));
}

const below = (large, small) => [large, element("br"), element("span", { class: "small" }, small)];

function showCalibration(calibration) {
  const figure = find("calibration");
  if (!calibration?.bins.length) return figure.replaceChildren();
  drawReliability(figure, calibration);
}

function showComparisons(comparisons) {
  if (!comparisons.length) return find("comparisons").replaceChildren();
  fillTable(find("comparisons"), [["Challenger", ""], ["Champion", ""], ["Where", ""], ["Verdict", ""], ["Error difference", "number"], ["n", "number"], ["Until", ""]],
    comparisons.map((each) => ({
      cells: each.not_computable ? [each.challenger, each.champion, each.group || "everywhere", "–", "–", "–", element("span", { class: "row" }, each.not_computable)] : [
        below(each.challenger, `error ${number(each.challenger_error)}`), below(each.champion, `error ${number(each.champion_error)}`),
        each.group || "everywhere", badge(each.verdict), below(signed(each.effect), interval(each.low, each.high, signed)),
        below(count(each.n), each.paired ? "same ids" : "same time"),
        below(start(Date.parse(each.until), 86400e3), each.ended ? "ended" : "goes on")],
    })));
}

function showOutliers(examples) {
  if (!examples.length) return find("outliers").replaceChildren();
  fillTable(find("outliers"), [["Prediction", ""], ["Because of", ""], ["× its cut", "number"], ["Features", ""]],
    examples.map((each) => ({
      cells: [below(each.prediction_id, moment(each.time * 1000)), each.reason.replace(TOGETHER, " with "), number(each.score), element("span", { class: "row" }, row(each.features ?? {}))],
    })));
}

/** The features that carry most of the answers, and whether the order is still that of the reference. */
function showAttribution(found) {
  if (!found) return find("attribution").replaceChildren();
  const order = found.not_computable || `rank correlation with the reference ${number(found.rank_correlation)}, NDCG ${number(found.ndcg)}, n ${count(found.n)}`;
  const shares = Object.entries(found.shares ?? {}).sort(([, a], [, b]) => b - a).slice(0, LEANED_ON);
  const table = element("table");
  fillTable(table, [["Feature", ""], ["Of all attributions", "number"]], shares.map(([name, share]) => ({ cells: [name, bar(share)] })));
  find("attribution").replaceChildren(
    element("p", { class: "small" }, element("span", { class: "badge", "data-tone": found.drifted ? "warn" : null }, found.drifted ? "other features" : "as on the reference"), ` ${order}`),
    table);
}

/** A sampled row in one line. */
export const row = (features) =>
  Object.entries(features).map(([name, value]) => `${name} ${value === null ? "missing" : typeof value === "number" ? number(value) : value}`).join(", ") || "–";

export const badge = (verdict = UNDECIDED) => element("span", { class: "badge", "data-tone": TONES[verdict] ?? null }, verdict);
