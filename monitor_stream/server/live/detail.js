// The chosen model: its incidents, charts and tables.

import { drawBars, drawLine } from "./chart.js";
import { element, fillTable, setText } from "./dom.js";
import { foretell, foretold } from "./estimates.js";
import { count, duration, moment, number, percent, rate, start, title } from "./format.js";
import { showIncidents } from "./incidents.js";
import { ranged } from "./verdicts.js";

const NOT_KEPT = "None, or kept no longer: only the newest windows and days have them.";
const find = (id) => document.getElementById(id);

/** What is shown, as the server sent it; `chosen` is the start of the window that was clicked, or null. */
export class Detail {
  #version = null;
  #windows = [];
  #incidents = [];
  #chosen = null;
  #metric = null;
  #higherIsBetter = new Set();

  constructor() {
    find("metric").addEventListener("change", (event) => {
      this.#metric = event.target.value;
      this.#draw();
    });
  }

  /** Begin with another model. */
  clear() {
    this.#windows = [];
    this.#incidents = [];
    this.#chosen = null;
    this.#metric = null;
    this.#draw();
  }

  showVersion(version, perSecond, higherIsBetter) {
    this.#version = version;
    this.#higherIsBetter = new Set(higherIsBetter);
    setText(find("detail-title"), `${version.model}  ${version.version}`);
    const facts = [version.task, version.stage, version.owner && `owner ${version.owner}`, version.tier && `tier ${version.tier}`,
      version.inferred ? "no spec published: watched by what its first event showed" : null];
    setText(find("detail-about"), facts.filter(Boolean).join(" · "));
    this.#showTiles(version, perSecond);
    this.#showRolling(version);
  }

  showWindows(windows) {
    this.#windows = windows;
    this.#offerMetrics();
    this.#draw();
  }

  showIncidents(incidents) {
    this.#incidents = incidents.filter((each) => each.model === this.#version.model && each.version === this.#version.version);
    showIncidents(find("incidents"), this.#incidents);
    this.#draw();
  }

  #showTiles(version, perSecond) {
    const { headline } = version;
    const seconds = (value) => moment(value === null ? null : value * 1000);
    const tiles = [
      [headline ? title(headline.metric) : "Quality", number(headline?.value),
        headline ? `${headline.window}, ${count(headline.scored)} scored` : "no labels yet", headline?.state === "outside" ? "bad" : null],
      estimateTile(version),
      ["Baseline", number(headline?.baseline), headline?.limit == null ? "no limit" : `limit ${number(headline.limit)}`, null],
      ["Predictions", count(version.predictions), `${rate(perSecond)} a second, ${count(version.failed)} failed`, null],
      ["Labelled", percent(version.labelled_share), `${count(version.pending)} waiting`, null],
      ["Newest event", seconds(version.newest_prediction), `label ${seconds(version.newest_label)}`, null],
    ];
    find("tiles").replaceChildren(...tiles.filter(Boolean).map(([name, value, note, tone]) =>
      element("div", { "data-tone": tone }, element("dt", {}, name), element("dd", {}, value), element("dd", { class: "small" }, note))));
  }

  #showRolling(version) {
    const spans = Object.keys(version.rolling).sort((a, b) => version.rolling[a].seconds - version.rolling[b].seconds);
    const longest = version.rolling[spans.at(-1)];
    const parts = [...spans.map((span) => version.rolling[span].metrics.values), longest?.estimates?.values, version.baseline];
    const names = [...new Set(parts.flatMap((part) => Object.keys(part ?? {})))];
    const beside = longest?.estimates?.values ? [[`Estimated, ${spans.at(-1)}`, "number"]] : [];
    const rows = names.map((name) => ({
      cells: [title(name), ...spans.map((span) => this.#ranged(version.rolling[span].metrics, name)),
        ...beside.map(() => foretell(longest.estimates, name, { contradicted: version.contradicted })), number(version.baseline[name]), number(version.baseline_limit[name])],
    }));
    const scored = { cells: ["Scored", ...spans.map((span) => count(version.rolling[span].metrics.scored ?? 0)), ...beside.map(() => count(longest.estimates.n)), "", ""] };
    const proxies = [["near_threshold", "Near the threshold"], ["uncertainty", "Uncertainty"]].filter(([name]) => spans.some((span) => proxy(version.rolling[span], name) !== null));
    for (const [name, words] of proxies) {
      rows.push({ cells: [words, ...spans.map((span) => percent(proxy(version.rolling[span], name))), ...beside.map(() => "–"), "–", "–"] });
    }
    const slowest = spans.map((span) => version.rolling[span].latency_quantiles?.["0.99"] ?? null);
    if (slowest.some((seconds) => seconds !== null)) rows.push({ cells: ["99 % answered in", ...slowest.map(duration), ...beside.map(() => "–"), "–", "–"] });
    fillTable(find("rolling"), [["", ""], ...spans.map((span) => [span, "number"]), ...beside, ["Baseline", "number"], ["Limit", "number"]], [...rows, scored]);
  }

  #offerMetrics() {
    const names = [...new Set(this.#windows.flatMap((window) => Object.keys({ ...window.metrics.values, ...window.estimates?.values })))];
    const preferred = [this.#metric, this.#version.headline?.metric, ...names].find((name) => names.includes(name)) ?? null;
    this.#metric = preferred;
    find("metric").replaceChildren(...names.map((name) => element("option", { value: name, selected: name === preferred ? "" : null }, title(name))));
    find("metric").disabled = !names.length;
  }

  #draw() {
    if (!this.#version) return;
    const name = this.#metric;
    const points = this.#windows.map((window) => ({
      time: Date.parse(window.start), length: lengthOf(window), n: window.n, labelled: window.labelled,
      value: window.metrics.values?.[name] ?? null, settled: window.settled, estimate: foretold(window.estimates, name),
    }));
    drawLine(find("quality-chart"), {
      caption: name ? title(name) : "Quality", points,
      baseline: this.#version.baseline[name] ?? null, limit: this.#version.baseline_limit[name] ?? null, above: !this.#higherIsBetter.has(name),
      detections: this.#detections(), format: number,
      read: (point) => `${start(point.time, point.length)}: ${number(point.value)}${point.settled ? "" : ", not settled"}`
        + (point.estimate ? `, estimated ${number(point.estimate.value)}${point.estimate.contradicted ? ", contradicted" : ""}` : ""),
    });
    drawBars(find("traffic-chart"), {
      caption: "Predictions", points, format: count,
      read: (point) => `${start(point.time, point.length)}: ${count(point.n)}, ${percent(point.n ? point.labelled / point.n : null)} labelled`,
    });
    this.#showWindowTable();
    this.#showParts();
  }

  /** What marks the chart: evidence that speaks of errors, where it was found. */
  #detections() {
    const seen = this.#incidents.flatMap((incident) => incident.evidence ?? []).filter((each) => each.signal === "error");
    return seen.map((each) => ({ time: Date.parse(each.end), label: `${each.check.replace("_", "-")}: ${each.direction ?? "moved"}` }));
  }

  /** The window that was clicked, else the newest with labels. */
  get #window() {
    return this.#windows.find((window) => window.start === this.#chosen)
      ?? this.#windows.findLast((window) => window.metrics.scored) ?? this.#windows.at(-1) ?? null;
  }

  #showWindowTable() {
    const daily = this.#windows.length > 0 && lengthOf(this.#windows[0]) >= 86400e3;
    setText(find("windows-title"), daily ? "Newest days" : "Newest windows");
    const shown = this.#window;
    const focused = document.activeElement?.dataset?.start;
    const rows = this.#windows.slice(-60).reverse().map((window) => ({
      "aria-current": window === shown ? "true" : null,
      cells: [this.#windowButton(window), count(window.n), percent(window.n ? window.labelled_share : null),
        this.#judged(this.#metric, window.metrics.values?.[this.#metric]), foretell(window.estimates, this.#metric, { brief: true }), count(window.failed), latency(window),
        duration(window.label_delay_mean_seconds), `${window.revision}${window.settled ? ", settled" : ""}`],
    }));
    fillTable(find("windows"), [["Start (UTC)", ""], ["Predictions", "number"], ["Labelled", "number"],
      [this.#metric ? title(this.#metric) : "Metric", "number"], ["Estimated", "number"], ["Failed", "number"], ["99 % within", "number"], ["Label delay", "number"], ["Revision", "number"]], rows);
    if (focused) find("windows").querySelector(`[data-start="${CSS.escape(focused)}"]`)?.focus();
  }

  #windowButton(window) {
    const text = start(Date.parse(window.start), lengthOf(window));
    const button = element("button", { type: "button", "data-start": window.start }, text);
    button.addEventListener("click", () => {
      this.#chosen = window.start;
      this.#draw();
    });
    return button;
  }

  #judged(name, value) {
    const limit = this.#version.baseline_limit[name];
    const beyond = limit !== undefined && value !== undefined && (this.#higherIsBetter.has(name) ? value < limit : value > limit);
    return element("span", { class: beyond ? "worse" : null }, number(value));
  }

  /** A value judged by its limit, its interval below it. */
  #ranged(metrics, name) {
    const [, ...below] = [ranged(metrics, name)].flat();
    return [this.#judged(name, metrics.values?.[name]), ...below];
  }

  #showParts() {
    const window = this.#window;
    const when = window ? start(Date.parse(window.start), lengthOf(window)) : "";
    setText(find("segments-title"), window ? `Segments, ${when}` : "Segments");
    setText(find("features-title"), window ? `Features, ${when}` : "Features");
    const whole = window?.metrics.values?.[this.#metric];
    const sign = this.#higherIsBetter.has(this.#metric) ? 1 : -1;
    const segments = (window?.segments ?? []).map((each) => ({ ...each, metric: each.metrics.values?.[this.#metric] }));
    segments.sort((a, b) => sign * ((a.metric ?? Infinity * sign) - (b.metric ?? Infinity * sign)));
    fillTable(find("segments"), [["Segment", ""], ["Predictions", "number"], ["Scored", "number"],
      [this.#metric ? title(this.#metric) : "Metric", "number"], ["Against all", "number"]],
      segments.map((each) => ({
        cells: [`${each.segment} = ${each.value}`, count(each.n), count(each.metrics.scored ?? 0), ranged(each.metrics, this.#metric),
          each.metric === undefined || whole === undefined ? "–" : `${each.metric > whole ? "+" : ""}${number(each.metric - whole)}`],
      })), NOT_KEPT);
    const share = (part, whole) => (whole ? percent(part / whole) : "–");
    fillTable(find("features"), [["Feature", ""], ["Values", "number"], ["Missing", "number"], ["Wrong type", "number"],
      ["Out of range", "number"], ["Unseen", "number"], ["Mean", "number"], ["Std", "number"]],
      (window?.features ?? []).map((each) => ({
        cells: [each.name, count(each.values), share(each.missing, each.values), share(each.wrong_type, each.values),
          share(each.out_of_range, each.values), share(each.unseen, each.values), number(each.mean), number(each.std)],
      })), NOT_KEPT);
  }
}

/** A mean of scores as they came, which needs no label. */
const proxy = (rolling, name) => rolling.estimates?.[name] ?? null;

/** How long the slowest answers took, and how many were given up. */
function latency({ latency_quantiles: quantiles, timeouts }) {
  const time = duration(quantiles?.["0.99"]);
  return timeouts ? [time, element("br"), element("span", { class: "small" }, `${count(timeouts)} timed out`)] : time;
}

/** What the headline is likely to be, beside what it is. */
function estimateTile({ headline, rolling, contradicted }) {
  const estimates = rolling[headline?.window]?.estimates;
  const found = foretold(estimates, headline?.metric);
  if (!found) return null;
  const note = contradicted ? "contradicted by labels" : `${number(found.low)} to ${number(found.high)} expected`;
  return [`Estimated ${title(headline.metric)}`, number(found.value), note, contradicted ? "warn" : null];
}

const lengthOf = (window) => Date.parse(window.end) - Date.parse(window.start);
