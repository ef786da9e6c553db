// The table of models. Rows live as long as their model does, so focus and selection survive the updates.

import { element, setAttribute, setText } from "./dom.js";
import { count, moment, number, percent, rate, title } from "./format.js";

const REMEMBER = 10_000; // milliseconds over which the rate is taken

export const linkTo = (row) => `#/${encodeURIComponent(row.model)}/${encodeURIComponent(row.version)}`;

export class FleetTable {
  #body;
  #rows = new Map();

  constructor(table) {
    this.#body = table.tBodies[0];
    this.#body.addEventListener("click", (event) => {
      const link = event.target.closest("tr")?.querySelector("a");
      if (link && event.target !== link) link.click();
    });
  }

  /** Predictions a second of a row, by what was seen of it lately; null until it was seen twice. */
  rateOf(row) {
    return this.#rows.get(linkTo(row))?.rate ?? null;
  }

  show(versions, selected) {
    const keys = new Set(versions.map(linkTo));
    for (const [key, row] of this.#rows) {
      if (!keys.has(key)) {
        row.node.remove();
        this.#rows.delete(key);
      }
    }
    versions.forEach((version, place) => {
      const row = this.#row(version);
      this.#update(row, version);
      setAttribute(row.node, "aria-current", selected === version ? "true" : null);
      if (this.#body.rows[place] !== row.node) this.#body.insertBefore(row.node, this.#body.rows[place] ?? null);
    });
  }

  #row(version) {
    const key = linkTo(version);
    let row = this.#rows.get(key);
    if (!row) {
      const link = element("a", { href: key, title: `${version.model} ${version.version}` }, version.model);
      const cells = ["", "number", "number", "number", "number", "number", "number", ""].map((kind) => element("td", { class: kind || null }));
      const about = element("span", { class: "small about" });
      const node = element("tr", {}, element("th", { scope: "row" }, link, element("br"), about), ...cells);
      row = { node, about, cells, seen: [], rate: null };
      this.#rows.set(key, row);
    }
    return row;
  }

  #update(row, version) {
    row.seen.push([performance.now(), version.predictions]);
    while (row.seen.length > 2 && row.seen[1][0] < performance.now() - REMEMBER) row.seen.shift();
    const [[since, before], [now, predictions]] = [row.seen[0], row.seen.at(-1)];
    row.rate = now > since ? Math.max(0, (predictions - before) / ((now - since) / 1000)) : null;

    const { headline } = version;
    const about = [`version ${version.version}`, version.task, version.stage === "champion" ? null : version.stage, version.owner || null];
    setText(row.about, about.filter(Boolean).join(" · "));
    const [state, total, perSecond, labelled, quality, baseline, incidents, newest] = row.cells;
    showBadges(state, badges(version));
    setText(total, count(version.predictions));
    setText(perSecond, rate(row.rate));
    setText(labelled, percent(version.labelled_share));
    showPair(quality, headline ? number(headline.value) : "–", headline ? `${title(headline.metric)}, ${headline.window}` : "no labels yet");
    quality.classList.toggle("worse", headline?.state === "outside");
    showPair(baseline, number(headline?.baseline), headline?.limit == null ? "" : `limit ${number(headline.limit)}`);
    setText(incidents, version.open_incidents ? `${version.open_incidents} open` : "none");
    incidents.classList.toggle("worse", version.open_incidents > 0);
    setText(newest, moment(version.newest_prediction === null ? null : version.newest_prediction * 1000));
  }
}

/** What is the matter with a version, in words; the tone only repeats it. */
export function badges(version) {
  const found = [];
  if (version.severity) found.push([version.severity, version.severity === "critical" ? "bad" : "warn"]);
  if (version.drift_detected) found.push(["error drift", "warn"]);
  if (version.contradicted) found.push(["estimate contradicted", "warn"]);
  if (version.headline?.state === "outside") found.push(["outside band", "bad"]);
  if (version.headline?.state === "within") found.push(["in band", "good"]);
  if (!version.headline) found.push(["no labels", ""]);
  if (version.inferred) found.push(["no spec", ""]);
  return found.length ? found : [["watched", ""]];
}

function showBadges(cell, wanted) {
  const signature = JSON.stringify(wanted);
  if (cell.dataset.shown === signature) return;
  cell.dataset.shown = signature;
  cell.replaceChildren(...wanted.map(([text, tone]) => element("span", { class: "badge", "data-tone": tone || null }, text)));
}

function showPair(cell, large, small) {
  if (!cell.firstChild) cell.append(element("span"), element("br"), element("span", { class: "small" }));
  setText(cell.firstChild, large);
  setText(cell.lastChild, small);
}
