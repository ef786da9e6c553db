// How numbers and times are shown. Times are UTC, as the windows are.

const NONE = "–";
const whole = new Intl.NumberFormat("en");

export const count = (value) => (value === null || value === undefined ? NONE : whole.format(value));

/** Three or four digits that matter. */
export function number(value) {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(value);
  if (size >= 1000) return whole.format(Math.round(value));
  if (size >= 100) return value.toFixed(1);
  if (size >= 10) return value.toFixed(2);
  return value.toFixed(3);
}

export const percent = (share) =>
  share === null || share === undefined ? NONE : `${(100 * share).toFixed(share > 0 && share < 0.9995 ? 1 : 0)} %`;

/** A number with its sign. */
export const signed = (value) => (value > 0 ? `+${number(value)}` : number(value));

/** From low to high. */
export const interval = (low, high, show = number) =>
  low === null || low === undefined || high === null || high === undefined ? NONE : `${show(low)} to ${show(high)}`;

/** A name of ours in words. */
export const words = (name) => name.replaceAll("_", " ");

export function rate(perSecond) {
  if (perSecond === null) return NONE;
  return perSecond >= 100 ? whole.format(Math.round(perSecond)) : perSecond.toFixed(1);
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const steps = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const [unit, size] = steps.find(([, length]) => seconds >= length) ?? ["ms", 0.001];
  return `${(seconds / size).toFixed(seconds / size < 10 && unit !== "ms" ? 1 : 0).replace(/\.0$/, "")} ${unit}`;
}

const moments = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
});
const minutes = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});
const dates = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short" });
const fullDates = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short", year: "numeric" });
const clocks = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", hour: "2-digit", minute: "2-digit" });

/** A time in milliseconds, in full. */
export const moment = (time) => (time === null ? NONE : moments.format(time));
/** The start of a window, or the day it is. */
export const start = (time, length) => (length >= 86400e3 ? fullDates.format(time) : minutes.format(time));
/** A tick of an axis that spans `range` milliseconds. */
export const tick = (time, range) => (range < 36 * 3600e3 ? clocks.format(time) : dates.format(time));

const TITLES = {
  mae: "MAE", rmse: "RMSE", bias: "Bias", wape: "WAPE", r2: "R²", auc: "AUC", f1: "F1", macro_f1: "Macro F1",
  log_loss: "Log loss", base_rate: "Base rate", mean_score: "Mean score", ece: "ECE",
};
/** A metric's name for people. */
export const title = (metric) => TITLES[metric] ?? metric.charAt(0).toUpperCase() + metric.slice(1).replaceAll("_", " ");
