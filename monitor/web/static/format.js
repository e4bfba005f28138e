// Numbers, units and times as people read them. Times are shown in the browser's zone, UTC is in the tooltip.

import { h } from "vqmon/dom.js";

/** Decimals that suit a feature: enough for its display range. */
function decimals(feature) {
  const [low, high] = feature.display ?? [0, 100];
  const span = Math.abs(high - low);
  if (span >= 15) return 1;
  return span >= 2 ? 2 : 3;
}

/** Whether a score is a share of a whole (black pixels, say) and so shown in percent; indices like SSIM are by custom not. */
export const isPercent = (feature) => feature.unit === "ratio" && feature.maximum === 1 && feature.higher_is_better !== true;

/** A title for narrow places: without what it says in brackets. */
export const shortTitle = (feature) => feature.title.split(" (")[0];

/** A score without its unit. */
export function score(feature, value) {
  if (value === null || value === undefined) return "–";
  return isPercent(feature) ? (100 * value).toFixed(1) : value.toFixed(decimals(feature));
}

/** Unit as written behind a score. */
export const unit = (feature) =>
  isPercent(feature) ? "%" : { ratio: "", seconds: "s", "code value": "" }[feature.unit] ?? feature.unit;

/** A score with its unit. */
export function scoreWithUnit(feature, value) {
  const text = score(feature, value);
  return unit(feature) && text !== "–" ? `${text} ${unit(feature)}` : text;
}

export function bitrate(bps) {
  if (!bps) return "–";
  return bps >= 1e6 ? `${(bps / 1e6).toFixed(bps >= 1e7 ? 1 : 2)} Mb/s` : `${Math.round(bps / 1e3)} kb/s`;
}

export const resolution = (width, height) => (width && height ? `${width}×${height}` : "–");

export const frameRate = (rate) => (rate ? `${Number(rate.toFixed(2))} fps` : "");

/** A length of time, two parts at most. */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 && minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY_CLOCK = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const ZONE = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" });

export const clock = (ms) => CLOCK.format(ms);

/** Local time of day, with the date where it is not the day of `now`. */
export function moment(ms, now) {
  return new Date(ms).toDateString() === new Date(now).toDateString() ? CLOCK.format(ms) : DAY_CLOCK.format(ms);
}

export const utc = (ms) => `${new Date(ms).toISOString().replace("T", " ").replace(/\.\d+Z$/, "")} UTC`;

export const zone = (ms) => ZONE.formatToParts(ms).find((part) => part.type === "timeZoneName")?.value ?? "";

/** A moment as charts take it: local time without a zone, so that the axis reads local time. */
export const stamp = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60000).toISOString().slice(0, -1);

/** A moment as an element: local time, UTC in the tooltip. */
export const timeElement = (ms, now) => h("time", { datetime: new Date(ms).toISOString(), title: utc(ms) }, moment(ms, now));

/** "12 s ago", kept current by `tickAges`. */
export const ageElement = (ms, now) =>
  h("time", { datetime: new Date(ms).toISOString(), title: utc(ms), "data-age": ms }, age(ms, now));

const age = (ms, now) => (now - ms < 2000 ? "now" : `${duration(now - ms)} ago`);

export function tickAges(now) {
  for (const element of document.querySelectorAll("[data-age]")) {
    const text = age(Number(element.dataset.age), now);
    if (element.textContent !== text) element.textContent = text;
  }
}
