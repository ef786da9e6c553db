// The loop: ask once a second, show what changed, say it when the server does not answer.

import { Detail } from "./detail.js";
import { setAttribute, setText } from "./dom.js";
import { Unanswered, ask } from "./feed.js";
import { FleetTable, linkTo } from "./fleet.js";
import { count, duration } from "./format.js";
import { showVerdicts } from "./verdicts.js";

const INTERVAL = 1000; // milliseconds
const HIDDEN_INTERVAL = 10_000;
const QUIET_AFTER = 30; // seconds without any change of any result

const find = (id) => document.getElementById(id);
const table = new FleetTable(find("fleet"));
const detail = new Detail();
let shown = null; // path of the windows on display
let known = { windows: {}, incidents: {}, verdicts: {} };
let lostSince = null;
let timer;
let asking = false;

async function update() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  try {
    await refresh();
    lostSince = null;
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    lostSince ??= new Date();
    showStatus("lost", `${error.message.replace(/\.$/, "")}. Nothing new since ${lostSince.toLocaleTimeString("en-GB")}.`);
  } finally {
    asking = false;
    find("main").classList.toggle("lost", lostSince !== null);
    timer = setTimeout(update, document.hidden ? HIDDEN_INTERVAL : INTERVAL);
  }
}

async function refresh() {
  const fleet = await ask("api/models");
  const selected = fleet.versions.find((row) => linkTo(row) === location.hash) ?? fleet.versions[0] ?? null;
  table.show(fleet.versions, selected);
  find("empty").hidden = fleet.versions.length > 0;
  find("detail").hidden = selected === null;
  showSummary(fleet);
  if (selected) await showDetail(selected, fleet.higher_is_better);
}

async function showDetail(selected, higherIsBetter) {
  const period = document.querySelector("#period input:checked").value;
  const of = `api/models/${encodeURIComponent(selected.model)}`;
  const version = `version=${encodeURIComponent(selected.version)}`;
  const path = `${of}/${period}?${version}&limit=${period === "days" ? 400 : 100}`;
  if (path !== shown) {
    shown = path;
    known = { windows: {}, incidents: {}, verdicts: {} };
    detail.clear();
    showVerdicts(null);
  }
  detail.showVersion(selected, table.rateOf(selected), higherIsBetter);
  const [windows, incidents, verdicts] = await Promise.all([ask(path, known.windows),
    ask(`api/incidents?limit=500&model=${encodeURIComponent(selected.model)}`, known.incidents), ask(`${of}/verdicts?${version}`, known.verdicts)]);
  if (path !== shown) return;
  if (verdicts) showVerdicts(verdicts);
  if (incidents) detail.showIncidents(incidents);
  if (windows) detail.showWindows(windows);
}

function showSummary(fleet) {
  const open = fleet.versions.reduce((sum, row) => sum + row.open_incidents, 0);
  const facts = [`${count(fleet.versions.length)} model version${fleet.versions.length === 1 ? "" : "s"}`,
    `${open ? count(open) : "no"} open incident${open === 1 ? "" : "s"}`, `${count(fleet.dead_letters)} dead letters`];
  setText(find("summary"), facts.join(" · "));
  setText(document.querySelector("title"), open ? `(${open}) monitor-stream` : "monitor-stream");
  const age = fleet.versions.length ? fleet.now - Math.max(...fleet.versions.map((row) => row.updated)) : 0;
  if (age > QUIET_AFTER) showStatus("quiet", `Connected; no result has changed for ${duration(age)}`);
  else showStatus("live", "Live");
}

function showStatus(state, text) {
  setAttribute(find("status"), "data-state", state);
  setText(find("status-text"), text);
}

addEventListener("hashchange", update);
find("period").addEventListener("change", update);
document.addEventListener("visibilitychange", () => document.hidden || update());
update();
