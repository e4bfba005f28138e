// Everything that plotly draws: one look for all charts, and the figures.

import { h } from "vqmon/dom.js";
import { icon } from "vqmon/icons.js";
import { clock, stamp, utc } from "vqmon/format.js";
import { theme, translucent } from "vqmon/palette.js";
import { hideTooltip, showTooltip } from "vqmon/tooltip.js";

const CONFIG = { displayModeBar: false, responsive: true, showTips: false, doubleClick: false };
const LABEL_PX = 14;

/** Draw or redraw a figure; `explain(points)` gives the tooltip's content. */
export async function draw(element, figure, { explain, zoomed, clicked } = {}) {
  const first = !element.dataset.drawn;
  element.dataset.drawn = "yes";
  await globalThis.Plotly.react(element, figure.traces, figure.layout, CONFIG);
  element.handlers = { explain, zoomed, clicked };
  if (!first) return;
  element.on("plotly_hover", ({ points, event }) => {
    const content = element.handlers.explain?.(points);
    if (content) showTooltip(event, content);
  });
  element.on("plotly_unhover", hideTooltip);
  element.on("plotly_relayout", (change) => {
    const range = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (range[0] !== undefined && element.handlers.zoomed) element.handlers.zoomed(range.map(milliseconds));
  });
  element.on("plotly_doubleclick", () => element.handlers.zoomed?.(null));
  element.on("plotly_click", ({ points }) => element.handlers.clicked?.(points));
}

export function undraw(element) {
  if (element.dataset.drawn) globalThis.Plotly.purge(element);
  delete element.dataset.drawn;
}

// Plotly answers with local time without a zone, "2026-11-21 04:00"; with a time in it, that parses as local.
const milliseconds = (text) => Date.parse(text.length > 10 ? text.replace(" ", "T") : `${text}T00:00`);

/** The look that all charts share, with what one chart has of its own. */
export function layout(colours, extra) {
  const axis = {
    color: colours.muted, gridcolor: colours.grid, linecolor: colours.grid, zeroline: false, ticks: "", automargin: false,
    tickfont: { size: 11 * colours.scale },
  };
  return {
    font: { family: colours.font, size: 12 * colours.scale, color: colours.text },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 44, r: 16, t: 18, b: 26 },
    showlegend: false, hovermode: "x", dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    ...extra,
    xaxis: { ...axis, ...extra.xaxis },
    yaxis: { ...axis, fixedrange: true, ...extra.yaxis },
  };
}

/** Lowest and highest value to show: the data and near thresholds, never so narrow that noise looks like a fault. */
export function valueRange(values, display, thresholds, limits) {
  const present = values.filter((value) => value !== null);
  if (!present.length) return display ?? [0, 1];
  let low = present.reduce((a, b) => Math.min(a, b));
  let high = present.reduce((a, b) => Math.max(a, b));
  const span = display ? Math.abs(display[1] - display[0]) : high - low || 1;
  for (const line of thresholds) {
    if (line > low - 0.6 * span && line < high + 0.6 * span) [low, high] = [Math.min(low, line), Math.max(high, line)];
  }
  const least = 0.2 * span;
  if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
  const air = 0.08 * (high - low);
  const floor = limits?.[0] ?? -Infinity;
  const ceiling = limits?.[1] ?? Infinity;
  return [Math.max(low - air, floor - 0.02 * (high - low)), Math.min(high + air, ceiling + 0.04 * (high - low))];
}

/** Heights for line-end labels so that they do not cover each other. */
function spread(labels, range, plotHeight) {
  const gap = ((range[1] - range[0]) * LABEL_PX) / plotHeight;
  const sorted = [...labels].sort((a, b) => a.y - b.y);
  sorted.forEach((label, index) => {
    label.at = index ? Math.max(label.y, sorted[index - 1].at + gap) : label.y;
  });
  // What was pushed over the top comes back down, one under the other.
  for (let index = sorted.length - 1; index >= 0; index -= 1) {
    const ceiling = index === sorted.length - 1 ? range[1] : sorted[index + 1].at - gap;
    sorted[index].at = Math.min(sorted[index].at, ceiling);
  }
  return sorted;
}

function tickFormat({ since, until }) {
  if (until - since > 26 * 3600e3) return "%-d %b %H:%M";
  return until - since < 6 * 60e3 ? "%H:%M:%S" : "%H:%M";
}

/** Periods of one alert that touch or overlap (several renditions, say) become one band. */
function merged(bands) {
  const result = [];
  for (const band of [...bands].sort((a, b) => a.starts - b.starts)) {
    const same = result.find((each) => each.name === band.name && band.starts <= each.ends + 1000);
    if (same) {
      same.ends = Math.max(same.ends, band.ends);
      same.renditions = [...new Set([...same.renditions, ...band.renditions])];
    } else result.push({ ...band });
  }
  return result;
}

/**
 * Lines over time.
 * @param lines [{name, colour, times, values}] in order; values null where there is none
 * @param thresholds [{value, severity, alert}]
 * @param bands [{name, severity, starts, ends, renditions, own}] alert periods; `own`: about this very score
 * @param period {since, until}
 * @param options {display, limits, percent, height, width}
 */
export function seriesFigure({ lines, thresholds, bands, period, display, limits, percent, height, width }) {
  const colours = theme();
  const inside = (line) => line.values.filter((_, i) => line.times[i] >= period.since && line.times[i] <= period.until);
  const range = valueRange(lines.flatMap(inside), display, thresholds.map((each) => each.value), limits);
  const plotHeight = height - 44;
  const rightPx = 14 + 7 * colours.scale * Math.max(3, ...lines.map((line) => line.name.length));
  const ends = lines
    .map((line) => {
      const index = line.values.findLastIndex((value, i) => value !== null && line.times[i] <= period.until);
      return index < 0 ? null : { name: line.name, colour: line.colour, y: line.values[index] };
    })
    .filter((end) => end && end.y >= range[0] && end.y <= range[1]);
  const shapes = [];
  const annotations = spread(ends, range, plotHeight / colours.scale).map((end) => ({
    x: 1, xref: "paper", xanchor: "left", xshift: 6, y: end.at, yanchor: "middle", showarrow: false, text: escape(end.name),
    font: { size: 11.5 * colours.scale, color: colours.lines[end.colour] },
  }));
  const rowEnds = [];
  for (const band of merged(bands.filter((each) => each.ends >= period.since && each.starts <= period.until))) {
    const colour = colours.severity[band.severity];
    const own = band.own;
    const from = Math.max(band.starts, period.since);
    const until = Math.min(band.ends, period.until);
    shapes.push({
      type: "rect", xref: "x", yref: "paper", x0: stamp(from), x1: stamp(until), y0: 0, y1: 1, layer: "below",
      fillcolor: translucent(colour, own ? 0.17 : 0.06), line: { width: 0 },
    });
    shapes.push({
      type: "line", xref: "x", yref: "paper", x0: stamp(from), x1: stamp(until), y0: 1, y1: 1,
      line: { width: own ? 3 : 1.5, color: colour },
    });
    if (!own) continue;
    const text = `${band.severity === "critical" ? "⬢" : band.severity === "warning" ? "▲" : "●"} ${band.name}`;
    const perPx = (period.until - period.since) / Math.max(100, width - 44 - rightPx);
    const textMs = (text.length * 6.6 * colours.scale + 10) * perPx;
    const left = Math.max(period.since, Math.min(from, period.until - textMs));
    let row = rowEnds.findIndex((end) => end <= left);
    if (row < 0) row = rowEnds.length;
    rowEnds[row] = left + textMs;
    if (row > 2) continue;
    annotations.push({
      x: stamp(left), xref: "x", xanchor: "left", y: 1, yref: "paper", yanchor: "bottom", yshift: 1 + 14 * colours.scale * row,
      showarrow: false, text: escape(text), font: { size: 10.5 * colours.scale, color: colour },
    });
  }
  for (const { value, severity } of thresholds) {
    if (value < range[0] || value > range[1]) continue;
    shapes.push({
      type: "line", xref: "paper", yref: "y", x0: 0, x1: 1, y0: value, y1: value,
      line: { color: colours.severity[severity] ?? colours.muted, width: 1.2, dash: severity === "critical" ? "dash" : "dot" },
    });
  }
  return {
    traces: lines.map((line) => ({
      type: "scatter", mode: "lines", name: line.name, x: line.times.map(stamp), y: line.values,
      customdata: line.times, hoverinfo: "none", connectgaps: false,
      line: { color: colours.lines[line.colour], width: 1.7 },
    })),
    layout: layout(colours, {
      height,
      margin: { l: 44, r: rightPx, t: 10 + 15 * colours.scale * Math.min(3, Math.max(1, rowEnds.length)), b: 26 },
      xaxis: {
        type: "date", range: [stamp(period.since), stamp(period.until)], tickformat: tickFormat(period), nticks: Math.max(4, Math.round(width / 62)),
        showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "solid", spikecolor: colours.faint, spikesnap: "cursor",
      },
      yaxis: { range, nticks: 5, tickformat: percent ? ".0%" : undefined },
      shapes, annotations,
    }),
  };
}

/** Tooltip of a moment: time in both zones, one row a line, the alerts of that moment. */
export function explainMoment(points, value, colourOf, bands) {
  const at = points[0].customdata;
  const alerts = bands.filter((band) => band.starts <= at && at < band.ends);
  return [
    h("div", { class: "tip-time" }, clock(at), h("span", {}, utc(at))),
    ...points.filter((point) => Number.isFinite(point.y)).sort((a, b) => a.curveNumber - b.curveNumber).map((point) =>
      h("div", { class: "tip-row" },
        h("i", { style: { background: colourOf(point.data.name) } }), h("span", {}, point.data.name), h("b", {}, value(point.y))),
    ),
    ...alerts.map((band) => h("div", { class: "tip-alert" }, icon(band.severity), [band.name, ...band.renditions].join(" "))),
  ];
}

/** Quality over bitrate: one marker a rung, joined in order of bitrate; inverted rungs are crossed. */
export function ladderFigure({ rungs, colours: numbers, display, percent, yTitle, height }) {
  const colours = theme();
  const shown = rungs.filter((rung) => rung.score !== null);
  const range = valueRange(shown.map((rung) => rung.score), display, [], null);
  const widest = Math.max(1, ...shown.map((rung) => rung.bitrate_bps)) / 1e6;
  return {
    traces: [
      {
        type: "scatter", mode: "lines", x: shown.map((rung) => rung.bitrate_bps / 1e6), y: shown.map((rung) => rung.score),
        hoverinfo: "skip", line: { color: colours.faint, width: 1.5 },
      },
      {
        type: "scatter", mode: "markers+text", x: shown.map((rung) => rung.bitrate_bps / 1e6), y: shown.map((rung) => rung.score),
        text: shown.map((rung) => escape(rung.rendition)), textposition: "top center", textfont: { color: colours.text, size: 12 * colours.scale },
        customdata: shown.map((rung) => rung.rendition), hoverinfo: "none", cliponaxis: false,
        marker: {
          size: 13, symbol: shown.map((rung) => (rung.beaten_by.length ? "x" : "circle")),
          color: shown.map((rung) => colours.lines[numbers.get(rung.rendition)]), line: { color: colours.panel, width: 1.5 },
        },
      },
    ],
    layout: layout(colours, {
      height, hovermode: "closest", dragmode: false,
      margin: { l: 52, r: 20, t: 26, b: 40 },
      xaxis: { range: [0, 1.12 * widest], fixedrange: true, nticks: 6, title: { text: "Mb/s", font: { size: 11 * colours.scale, color: colours.muted } } },
      yaxis: {
        range: [range[0], range[1] + 0.1 * (range[1] - range[0])], nticks: 5, tickformat: percent ? ".0%" : undefined,
        title: { text: escape(yTitle), font: { size: 11 * colours.scale, color: colours.muted } },
      },
    }),
  };
}

/** One score frame by frame, the worst frame marked. `frames` is [{pts, value}], `worst` a pts or null. */
export function frameFigure({ frames, worst, display, percent, yTitle, height }) {
  const colours = theme();
  const range = valueRange(frames.map((frame) => frame.value), display, [], null);
  const marked = frames.filter((frame) => frame.pts === worst);
  return {
    traces: [
      {
        type: "scatter", mode: "lines+markers", x: frames.map((frame) => frame.pts), y: frames.map((frame) => frame.value),
        customdata: frames.map((frame) => frame.index), hoverinfo: "none", line: { color: colours.lines[0], width: 1.6 }, marker: { size: 3.5 },
      },
      {
        type: "scatter", mode: "markers", x: marked.map((frame) => frame.pts), y: marked.map((frame) => frame.value),
        hoverinfo: "skip", marker: { size: 14, symbol: "circle-open", color: colours.severity.critical, line: { width: 2.5 } },
      },
    ],
    layout: layout(colours, {
      height, margin: { l: 52, r: 16, t: 10, b: 40 }, dragmode: false,
      xaxis: { fixedrange: true, nticks: 8, ticksuffix: " s", title: { text: "presentation time", font: { size: 11 * colours.scale, color: colours.muted } } },
      yaxis: { range, nticks: 4, tickformat: percent ? ".0%" : undefined, title: { text: escape(yTitle), font: { size: 11 * colours.scale, color: colours.muted } } },
    }),
  };
}

// Plotly reads its texts as a small HTML; names from a stream must stay text.
const escape = (text) => text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
