// Two small charts in SVG. Both tell what is under the pointer in their caption; the tables below hold the same data.

import { element, shape } from "./dom.js";
import { tick } from "./format.js";

const WIDTH = 640;
const HEIGHT = 210;
const LETTER = 5.6; // the width of one, about, in the font of labels
const ROWS = 3;
const MARGIN = { left: 46, right: 10, top: 12, bottom: 22 };

/**
 * Draw a line with its baseline, limit and detections.
 * `points` are {time, length, value, settled, estimate}, where `estimate` is null or {value, low, high, contradicted}; `limit` may be
 * null, `above` says on which side of it worse lies.
 */
export function drawLine(figure, { caption, points, baseline, limit, above, detections, format, read }) {
  const known = points.filter((point) => point.value !== null);
  const foretold = points.filter((point) => point.estimate !== null);
  if (!known.length && !foretold.length) return drawNothing(figure, caption, "No labels yet: the metric cannot be computed.");
  // Bands of a handful of predictions reach from end to end: they may leave the drawing, values may not.
  const values = [...known.map((point) => point.value), ...foretold.map(({ estimate }) => estimate.value)];
  const marks = [...values, baseline, limit].filter((value) => value !== null);
  const plane = makePlane(points, padded(marks));
  const drawing = begin(plane, format, caption);
  const labels = []; // on top of the line
  if (limit !== null) {
    const edge = plane.y(limit);
    const far = above ? MARGIN.top : HEIGHT - MARGIN.bottom;
    drawing.append(
      shape("rect", { class: "beyond", x: MARGIN.left, width: plane.width, y: Math.min(edge, far), height: Math.abs(edge - far) }),
      level(plane, limit, "limit", `limit ${format(limit)}`, above ? -4 : 12, labels),
    );
  }
  if (baseline !== null) drawing.append(level(plane, baseline, "baseline", `baseline ${format(baseline)}`, above ? 12 : -4, labels));
  const row = rows();
  for (const { time, label } of detections.filter((each) => each.time >= plane.from && each.time <= plane.to)) {
    const x = plane.x(time);
    drawing.append(shape("line", { class: "detection", x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }));
    const width = LETTER * label.length;
    const start = Math.min(x + 4, WIDTH - MARGIN.right - width);
    const y = row(start, width);
    if (y !== null) labels.push(shape("text", { class: "on-detection", x: start, y }, label));
  }
  const place = (point) => [plane.middle(point), plane.y(point.value)];
  drawEstimates(drawing, plane, foretold);
  if (known.length) drawing.append(shape("path", { class: "series", d: `M${known.map((point) => place(point).join(" ")).join("L")}` }));
  const radius = known.length > 150 ? 1.2 : 2.2;
  for (const point of known) {
    const [cx, cy] = place(point);
    drawing.append(shape("circle", { class: point.settled ? "point" : "point open", cx, cy, r: radius }));
  }
  drawing.append(...labels);
  const legend = [
    ...(known.some((point) => !point.settled) ? [element("i", { class: "open" }), "labels may still come"] : []),
    ...(foretold.length ? [element("i", { class: "e" }), "estimated before labels"] : []),
    ...(foretold.some(({ estimate }) => estimate.contradicted) ? [element("i", { class: "x" }), "contradicted"] : []),
  ];
  end(figure, drawing, plane, caption, legend, read);
}

/** What was foretold, and where the truth was to be expected; a cross on what labels contradict. */
function drawEstimates(drawing, plane, foretold) {
  if (!foretold.length) return;
  const inside = (value) => plane.y(Math.min(plane.high, Math.max(plane.low, value)));
  const along = (side) => foretold.map((point) => `${plane.middle(point)} ${inside(point.estimate[side])}`);
  drawing.append(
    shape("path", { class: "band", d: `M${[...along("high"), ...along("low").reverse()].join("L")}Z` }),
    shape("path", { class: "estimated", d: `M${along("value").join("L")}` }));
  for (const point of foretold.filter(({ estimate }) => estimate.contradicted)) {
    const [cx, cy] = [plane.middle(point), plane.y(point.estimate.value)];
    drawing.append(shape("path", { class: "contradicted", d: `M${cx - 3} ${cy - 3}l6 6m0 -6l-6 6` }));
  }
}

/** Gives each label the first row where it covers no other; `null` where all are taken: its line must do. */
function rows() {
  const taken = Array.from({ length: ROWS }, () => []);
  return (start, width) => {
    const free = taken.findIndex((spans) => spans.every(([from, to]) => start >= to || start + width <= from));
    if (free < 0) return null;
    taken[free].push([start, start + width + LETTER]);
    return MARGIN.top + 9 + 11 * free;
  };
}

/** Draw stacked bars: `points` are {time, length, n, labelled}. */
export function drawBars(figure, { caption, points, format, read }) {
  if (!points.length) return drawNothing(figure, caption, "No window has closed yet.");
  const plane = makePlane(points, [0, Math.max(1, ...points.map((point) => point.n)) * 1.05]);
  const drawing = begin(plane, format, caption);
  const base = plane.y(0);
  for (const point of points) {
    const x = plane.x(point.time);
    const width = Math.max(0.8, (plane.x(point.time + point.length) - x) * 0.82);
    const bar = (kind, from, to) =>
      shape("rect", { class: kind, x, width, y: plane.y(to), height: Math.max(0, plane.y(from) - plane.y(to)) });
    drawing.append(bar("labelled", 0, point.labelled), bar("unlabelled", point.labelled, point.n));
  }
  drawing.append(shape("line", { class: "grid", x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: base, y2: base }));
  const legend = [element("i", { class: "a" }), "labelled", element("i", { class: "b" }), "not yet"];
  end(figure, drawing, plane, caption, legend, read);
}

function makePlane(points, [low, high]) {
  const from = points[0].time;
  const last = points[points.length - 1];
  const to = last.time + last.length;
  const width = WIDTH - MARGIN.left - MARGIN.right;
  const height = HEIGHT - MARGIN.top - MARGIN.bottom;
  const x = (time) => MARGIN.left + (width * (time - from)) / (to - from);
  return {
    points, from, to, low, high, width, x,
    y: (value) => MARGIN.top + height * (1 - (value - low) / (high - low)),
    middle: (point) => x(point.time + point.length / 2),
  };
}

function padded(values) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = (high - low || Math.abs(high) || 1) * 0.12;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/** Round numbers between low and high, about `wanted` of them. */
function ticks(low, high, wanted) {
  const raw = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i += 1) found.push(i * step);
  return found;
}

function begin(plane, format, caption) {
  const drawing = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${caption}, see the table of windows for the numbers` });
  const marks = ticks(plane.low, plane.high, 5);
  const digits = Math.max(0, -Math.floor(Math.log10(marks[1] - marks[0] || 1) + 1e-9));
  for (const value of marks) {
    const y = plane.y(value);
    drawing.append(
      shape("line", { class: "grid", x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y, y2: y }),
      shape("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, value >= 1000 ? format(value) : value.toFixed(digits)),
    );
  }
  const range = plane.to - plane.from;
  const steps = [1, 5, 10, 30, 60, 120, 360, 720, 1440, 2880, 7200, 20160, 43200].map((minutes) => minutes * 60e3);
  const step = steps.find((size) => range / size <= 7) ?? range / 6;
  for (let time = Math.ceil(plane.from / step) * step; time <= plane.to; time += step) {
    drawing.append(shape("text", { x: plane.x(time), y: HEIGHT - 5, "text-anchor": "middle" }, tick(time, range)));
  }
  return drawing;
}

/** A line across, and its label for later. */
function level(plane, value, kind, label, offset, labels) {
  const y = plane.y(value);
  labels.push(shape("text", { class: `on-${kind}`, x: MARGIN.left + 4, y: y + offset }, label));
  return shape("line", { class: kind, x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y, y2: y });
}

function end(figure, drawing, plane, caption, legend, read) {
  const explained = element("span", { class: "legend" }, ...legend);
  const reading = element("span", { class: "reading" }, explained);
  const cursor = shape("line", { class: "cursor", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom, visibility: "hidden" });
  drawing.append(cursor);
  drawing.addEventListener("pointermove", (event) => {
    const matrix = drawing.getScreenCTM();
    const x = (event.clientX - matrix.e) / matrix.a;
    const distance = (point) => Math.abs(plane.middle(point) - x);
    const nearest = plane.points.reduce((best, point) => (distance(point) < distance(best) ? point : best));
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, plane.middle(nearest));
    cursor.setAttribute("visibility", "visible");
    reading.textContent = read(nearest);
  });
  drawing.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    reading.replaceChildren(explained);
  });
  figure.replaceChildren(element("figcaption", {}, element("span", {}, caption), reading), drawing);
}

function drawNothing(figure, caption, why) {
  figure.replaceChildren(element("figcaption", {}, element("span", {}, caption)), element("p", { class: "note" }, why));
}
