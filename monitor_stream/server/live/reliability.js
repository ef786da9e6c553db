// Whether a score of .3 comes true three times in ten: the reliability curve, with how many scores lie where.

import { element, shape } from "./dom.js";
import { count, interval, number, percent } from "./format.js";

const WIDTH = 420;
const HEIGHT = 300;
const MARGIN = { left: 40, right: 12, top: 10, bottom: 56 };
const COUNTS = 22; // height of the bars under the curve

const x = (score) => MARGIN.left + (WIDTH - MARGIN.left - MARGIN.right) * score;
const y = (share) => MARGIN.top + (HEIGHT - MARGIN.top - MARGIN.bottom) * (1 - share);

export function drawReliability(figure, { bins, ece, n }) {
  const drawing = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
    "aria-label": `Reliability curve: scores are ${number(ece)} off on average, over ${count(n)} predictions` });
  for (const mark of [0, 0.25, 0.5, 0.75, 1]) {
    drawing.append(
      shape("line", { class: "grid", x1: x(0), x2: x(1), y1: y(mark), y2: y(mark) }),
      shape("text", { x: x(0) - 6, y: y(mark) + 4, "text-anchor": "end" }, mark.toFixed(2)),
      shape("text", { x: x(mark), y: y(0) + 15, "text-anchor": "middle" }, mark.toFixed(2)));
  }
  drawing.append(shape("line", { class: "baseline", x1: x(0), x2: x(1), y1: y(0), y2: y(1) }));
  const largest = Math.max(...bins.map((bin) => bin.n));
  const base = HEIGHT - 8;
  for (const bin of bins) {
    const at = x(bin.mean_score);
    const size = (COUNTS * bin.n) / largest;
    const told = `score ${number(bin.mean_score)}: ${percent(bin.positive_share)} positive (${interval(bin.low, bin.high)}), n ${count(bin.n)}`;
    drawing.append(shape("g", {}, shape("title", {}, told),
      shape("line", { class: "whisker", x1: at, x2: at, y1: y(bin.low), y2: y(bin.high) }),
      shape("circle", { class: "point", cx: at, cy: y(bin.positive_share), r: 3 }),
      shape("rect", { class: "unlabelled", x: at - 4, width: 8, y: base - size, height: size })));
  }
  const path = bins.map((bin) => `${x(bin.mean_score)} ${y(bin.positive_share)}`).join("L");
  drawing.append(shape("path", { class: "series", d: `M${path}` }));
  figure.replaceChildren(
    element("figcaption", {}, element("span", {}, "Positive share by mean score"), element("span", { class: "reading" }, `ECE ${number(ece)} over ${count(n)}`)),
    drawing);
}
