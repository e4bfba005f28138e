// The report of a comparison: each feature over time and as a histogram, all files in one chart.

import { h } from "vqmon/dom.js";
import { theme, translucent } from "vqmon/palette.js";
import { layout, valueRange } from "vqmon/plots.js";
import { hideTooltip, showTooltip } from "vqmon/tooltip.js";

const CONFIG = { displayModeBar: false, responsive: true, showTips: false, doubleClick: false };
const data = JSON.parse(document.getElementById("vqmon-comparison").textContent);
const hidden = new Set();
let period = null;

const colourOf = (file) => theme().lines[file % theme().lines.length];
const finite = (values) => values.filter((value) => value !== null);
const rangeOf = (feature) =>
  valueRange(feature.lines.flatMap((line) => line.value), feature.display, [], [feature.minimum, feature.maximum]);

const moments = data.features.flatMap((feature) => feature.lines.flatMap((line) => [line.ms[0], line.ms.at(-1)]))
  .filter((ms) => ms !== undefined);
const first = moments.reduce((a, b) => Math.min(a, b), Infinity);
const last = moments.reduce((a, b) => Math.max(a, b), -Infinity);

function timeFormat() {
  if (last >= 3600e3) return "%-H:%M:%S";
  return last - first >= 10e3 ? "%-M:%S" : "%-M:%S.%L";
}

const clock = (ms) => {
  const seconds = (ms / 1000).toFixed(2);
  if (ms < 60e3) return `${seconds} s`;
  const whole = Math.floor(ms / 60e3);
  const rest = ((ms - whole * 60e3) / 1000).toFixed(2).padStart(5, "0");
  return whole < 60 ? `${whole}:${rest}` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}:${rest}`;
};

// Charts take times of day without a zone; here midnight is the start of the reference.
const stamp = (ms) => new Date(ms).toISOString().slice(0, -1);

const digits = (value) => (Math.abs(value) < 1.5 ? value.toFixed(4) : value.toFixed(2));

function series(feature, height) {
  const colours = theme();
  const lines = feature.lines.map((line, file) => ({
    type: "scatter", mode: "lines", x: line.ms.map(stamp), y: line.value, customdata: line.index, name: data.files[file],
    visible: !hidden.has(file), hoverinfo: "none", connectgaps: false, meta: file, line: { color: colourOf(file), width: 1.5 },
  }));
  const marks = feature.marks.filter((mark) => !hidden.has(mark.file));
  return {
    traces: [...lines, {
      type: "scatter", mode: "markers", x: marks.map((mark) => stamp(mark.ms)), y: marks.map((mark) => mark.value),
      customdata: marks, hoverinfo: "none", meta: -1,
      marker: { size: 12, symbol: "circle-open", color: colours.severity.critical, line: { width: 2.2 } },
    }],
    layout: layout(colours, {
      height,
      xaxis: {
        type: "date", tickformat: timeFormat(), nticks: 10, range: period ?? [first, last].map(stamp),
        showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "solid", spikecolor: colours.faint, spikesnap: "cursor",
      },
      yaxis: { range: rangeOf(feature), nticks: 5 },
    }),
  };
}

function histogram(feature, height) {
  const colours = theme();
  const centres = feature.edges.slice(1).map((edge, at) => (edge + feature.edges[at]) / 2);
  return {
    traces: feature.shares.map((shares, file) => ({
      type: "bar", orientation: "h", x: shares, y: centres, name: data.files[file], visible: !hidden.has(file), hoverinfo: "none",
      meta: file, marker: { color: translucent(colourOf(file), 0.4), line: { width: 0 } },
    })),
    layout: layout(colours, {
      height, hovermode: "y", dragmode: false, barmode: "overlay", bargap: 0, margin: { l: 10, r: 10, t: 18, b: 26 },
      xaxis: { fixedrange: true, tickformat: ".0%", nticks: 4, rangemode: "tozero" },
      yaxis: { range: rangeOf(feature), nticks: 5, showticklabels: false },
    }),
  };
}

const row = (file, name, text) =>
  h("div", { class: "tip-row" }, h("i", { style: { background: colourOf(file) } }), h("span", {}, name), h("b", {}, text));

function explainMoment(feature, points) {
  const shown = points.filter((point) => point.data.meta >= 0 && Number.isFinite(point.y));
  if (!shown.length) return null;
  return [
    h("div", { class: "tip-time" }, clock(feature.lines[shown[0].data.meta].ms[shown[0].pointIndex])),
    ...shown.map((point) => row(point.data.meta, `${point.data.name}, frame ${point.customdata}`, digits(point.y))),
  ];
}

function explainBar(feature, points) {
  const at = points[0].pointIndex;
  return [
    h("div", { class: "tip-time" }, `${digits(feature.edges[at])} to ${digits(feature.edges[at + 1])}`),
    ...points.map((point) => row(point.data.meta, point.data.name, `${(100 * point.x).toFixed(1)} % of frames`)),
  ];
}

async function paint(element, figure, explain) {
  const first = !element.dataset.drawn;
  element.dataset.drawn = "yes";
  await globalThis.Plotly.react(element, figure.traces, figure.layout, CONFIG);
  if (!first) return;
  element.on("plotly_hover", ({ points, event }) => {
    const content = explain(points);
    if (content) showTooltip(event, content);
  });
  element.on("plotly_unhover", hideTooltip);
  element.on("plotly_relayout", (change) => {
    if (change["xaxis.range[0]"] === undefined) return;
    period = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    drawAll();
  });
  element.on("plotly_doubleclick", () => {
    period = null;
    drawAll();
  });
  element.on("plotly_click", ({ points }) => {
    const mark = points.find((point) => point.data.meta === -1)?.customdata;
    if (mark) location.hash = `frame-${mark.file}-${mark.index}`;
  });
}

const shownFeatures = data.features.filter((feature) => feature.lines.some((line) => finite(line.value).length));
const folded = h("details", { class: "more", ontoggle: () => drawAll() }, h("summary", {}, "More features"));
const open = h("div", { class: "comparison-charts" });
const more = h("div", { class: "comparison-charts" });
folded.append(more);
document.getElementById("charts").append(open);
if (shownFeatures.some((feature) => !feature.leading)) document.getElementById("charts").append(folded);

const charts = shownFeatures.map((feature) => {
  const height = feature.name === data.main ? 300 : 190;
  const over = h("div", { class: "plot", role: "img", "aria-label": `${feature.title} of each frame`, style: { height: `${height}px` } });
  const spread = h("div", { class: "plot", role: "img", "aria-label": `histogram of ${feature.title}`, style: { height: `${height}px` } });
  const unit = feature.unit ? h("span", { class: "chart-unit" }, feature.unit) : null;
  const panel = h("article", { class: "panel comparison-chart" },
    h("header", { class: "chart-head" }, h("h3", {}, feature.title), unit), over, spread);
  (feature.leading ? open : more).append(panel);
  return () => {
    if (!feature.leading && !folded.open) return; // what is folded away has no size to draw in
    paint(over, series(feature, height), (points) => explainMoment(feature, points));
    paint(spread, histogram(feature, height), (points) => explainBar(feature, points));
  };
});

const drawAll = () => charts.forEach((draw) => draw());

function legend() {
  if (data.files.length < 2) return;
  document.getElementById("legend").replaceChildren(...data.files.map((name, file) =>
    h("button", {
      type: "button", class: "legend", "aria-pressed": String(!hidden.has(file)), style: { "--line": colourOf(file) },
      onclick: () => {
        if (!hidden.delete(file)) hidden.add(file);
        legend();
        drawAll();
      },
    }, h("i", { class: "swatch" }), name)));
}

for (const button of document.querySelectorAll(".trio .zoom")) {
  button.addEventListener("click", () => button.closest("figure").classList.toggle("large"));
}
legend();
drawAll();
matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => {
  legend();
  drawAll();
});
