// Numbers in full: pooled scores of the period, and what the input reported.

import { featureOf } from "vqmon/config.js";
import { h } from "vqmon/dom.js";
import { colourVariable } from "vqmon/palette.js";
import { score, timeElement, unit } from "vqmon/format.js";

const POOLED = [
  ["mean", "Mean", "over all scored frames"],
  ["harmonic_mean", "Harm. mean", "libvmaf's harmonic mean: dips weigh more"],
  ["min", "Min", "the lowest frame"],
  ["low_segments", "Worst 5 %", "5 % of the segments have a mean at least as bad"],
  ["median_segment", "Median", "of the segments' means"],
  ["max", "Max", "the highest frame"],
  ["stdev", "Std dev", "over all scored frames"],
];
const EVENTS = 60;

/** @param colours rendition name to colour number, in display order */
export function summaryTable(summary, colours) {
  if (!summary.rows.length) return h("p", { class: "quiet" }, "No scores in this period.");
  const place = [...colours.keys()];
  const names = [...new Set(summary.rows.map((row) => row.feature))];
  const rows = [...summary.rows].sort((a, b) =>
    names.indexOf(a.feature) - names.indexOf(b.feature) || place.indexOf(a.rendition) - place.indexOf(b.rendition));
  return h("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Scores of the period" }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Score"), h("th", { scope: "col" }, "Rendition"),
      POOLED.map(([, title, about]) => h("th", { scope: "col", class: "number", title: about }, title)),
      h("th", { scope: "col", class: "number" }, "Segments"))),
    h("tbody", {}, rows.map((row, index) => {
      const feature = featureOf(row.feature);
      const first = index === 0 || rows[index - 1].feature !== row.feature;
      return h("tr", { class: first ? "first" : null },
        h("th", { scope: "row" }, first ? [feature.title, unit(feature) ? h("small", {}, ` ${unit(feature)}`) : null] : ""),
        h("td", {}, h("i", { class: "swatch", style: { "--line": colourVariable(colours.get(row.rendition)) } }), row.rendition),
        POOLED.map(([name]) => h("td", { class: "number" }, score(feature, row[name]))),
        h("td", { class: "number" }, String(row.segments)));
    }))));
}

export function eventTable(events, now) {
  if (!events.length) return h("p", { class: "quiet" }, "Nothing was reported in this period.");
  return h("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": "Events" }, h("table", { class: "events" },
    h("thead", {}, h("tr", {}, ["Time", "Rendition", "Event", "Detail"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, events.slice(0, EVENTS).map((event) => h("tr", { class: event.kind },
      h("td", {}, timeElement(event.at_ms, now)), h("td", {}, event.rendition || "all"),
      h("td", {}, event.kind.replaceAll("_", " ")), h("td", { class: "wide" }, [event.reason, event.detail].filter(Boolean).join(": ")))))),
  events.length > EVENTS ? h("p", { class: "quiet" }, `The newest ${EVENTS} of ${events.length}.`) : null);
}
