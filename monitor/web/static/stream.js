// The page of one stream: renditions, timeline, charts, ladder, alerts, numbers in full.

import { alertList } from "vqmon/alerts.js";
import { ChartCard } from "vqmon/chartcard.js";
import { featureOf, isReport } from "vqmon/config.js";
import { h, invalidate, show } from "vqmon/dom.js";
import { bitrate, clock, moment, zone } from "vqmon/format.js";
import { icon } from "vqmon/icons.js";
import { showLadder } from "vqmon/ladder.js";
import { colourNumbers, colourVariable, ordered } from "vqmon/palette.js";
import { undraw } from "vqmon/plots.js";
import { renditionCard } from "vqmon/renditions.js";
import { eventTable, summaryTable } from "vqmon/tables.js";
import { timeline } from "vqmon/timeline.js";

// The bitrate is drawn like a score: this describes it as one.
const BITRATE = {
  ...featureOf("bitrate"), title: "Bitrate", unit: "Mb/s", minimum: 0, zero: "no bytes", no_data: "segment missing", metric: "",
};

// A line moves by less than a pixel with each segment of a long period, and sums over it hardly at all; both cost the most to read.
const chartRest = ({ since, until }) => Math.min(30e3, Math.max(1000, (until - since) / 900));
const sumRest = (period) => 12e3 + 3 * chartRest(period);
const SUMS_LIMIT_MS = 6.5 * 3600e3;

export class StreamPage {
  #charts = new Map();
  #hidden = new Set();
  #zoom = null;
  #latest = null;
  #turn = 0;
  #done = new Map();

  constructor(name, source) {
    this.name = name;
    this.source = source;
    const part = (label, title, ...children) =>
      h("section", { class: `part ${label}`, "aria-label": title }, h("h2", {}, title), ...children);
    this.cards = h("section", { class: "renditions", "aria-label": "Renditions" });
    this.toolbar = h("div", { class: "chart-tools" });
    this.track = h("div", { class: "timeline panel" });
    this.grid = h("div", { class: "charts" });
    this.more = h("div", { class: "charts" });
    this.moreBox = h("details", { class: "more" }, h("summary", {}, "More measurements"), this.more);
    this.ladder = {
      plot: h("div", { class: "plot", role: "img", style: { height: "260px" } }), table: h("div", { class: "scroller" }),
      verdict: h("p", { class: "verdict" }), choice: h("div", { class: "picker" }),
    };
    this.alerts = h("div", {});
    this.summary = h("div", {});
    this.events = h("div", {});
    this.element = h("div", { class: "stream-page" },
      this.cards,
      h("div", { class: "columns" },
        h("aside", { class: "part side", "aria-label": "Alerts" }, h("h2", {}, "Alerts"), this.alerts),
        h("div", { class: "main" },
          part("states", "Timeline", this.track),
          h("section", { class: "part", "aria-label": "Charts" }, h("div", { class: "part-head" }, h("h2", {}, "Over time"), this.toolbar), this.grid, this.moreBox),
          part("ladder", "Ladder", h("div", { class: "panel ladder-box" }, this.ladder.choice, this.ladder.verdict, this.ladder.plot, this.ladder.table)),
          part("numbers", "Scores of the period", h("div", { class: "panel" }, this.summary)),
          part("log", "Events", h("div", { class: "panel" }, this.events)))));
  }

  close() {
    this.#charts.forEach((chart) => chart.close());
    undraw(this.ladder.plot);
  }

  /** Draw everything again, in new colours. */
  restyle() {
    if (this.#latest) this.update(...this.#latest, true);
  }

  /** @param stream of the overview; @param period, pool as in the address */
  async update(stream, overview, period, pool, restyled = false) {
    this.#latest = [stream, overview, period, pool];
    const turn = (this.#turn += 1);
    const shownPeriod = this.#zoom ? { ...period, ...this.#zoom } : period;
    const rows = ordered(stream.renditions);
    const colours = colourNumbers(stream.renditions);
    const now = overview.now_ms;
    const active = overview.active.filter((each) => each.stream === this.name || !each.stream);
    show(this.cards, [rows, active, [...colours]], () =>
      rows.map((row) => renditionCard(row, active.filter((each) => each.rendition === row.rendition), colours.get(row.rendition), now)));
    const [incidents, events, thresholds] = await Promise.all([
      this.source.incidents(this.name, shownPeriod), this.source.events(this.name, shownPeriod), this.source.thresholds(),
    ]);
    if (turn !== this.#turn) return;
    const seen = new Set(incidents.map((each) => each.id));
    const listed = [...active.filter((each) => !seen.has(each.id)), ...incidents];
    this.incidents = listed;
    show(this.alerts, listed, () => alertList(listed, this.source, now, false));
    show(this.track, [rows.map((row) => row.rendition), incidents, events, shownPeriod], () =>
      timeline(rows, incidents, events, shownPeriod, now, Math.max(120, this.track.clientWidth - 110)));
    this.#showToolbar(rows, colours, shownPeriod, now);
    const context = {
      period: shownPeriod, pool, colours, hidden: this.#hidden, thresholds: poolLines(thresholds, pool), incidents: listed,
      zoomed: (range) => this.#zoomTo(range),
    };
    show(this.events, events, () => eventTable(events, now));
    if (restyled) this.#done.clear();
    const view = [shownPeriod.until - shownPeriod.since, this.#zoom, pool, stream.features, [...colours], [...this.#hidden], listed, thresholds];
    if (this.#due("charts", view, chartRest(shownPeriod))) {
      this.#layCharts(stream.features);
      this.#charts.forEach((chart) => chart.update(context));
    }
    const sums = [shownPeriod.until - shownPeriod.since, this.#zoom, this.ladderFeature, stream.features, [...colours]];
    if (this.#due("sums", sums, sumRest(shownPeriod))) {
      await Promise.all([this.#showLadder(stream, colours, shownPeriod), this.#showSummary(colours, shownPeriod)]);
    }
  }

  /** Whether something is to be done again: what it depends on changed, or its rest is over. */
  #due(name, view, rest) {
    const key = JSON.stringify(view);
    const last = this.#done.get(name);
    if (last && last.key === key && performance.now() - last.at < rest) return false;
    this.#done.set(name, { key, at: performance.now() });
    return true;
  }

  #layCharts(features) {
    const wanted = [["bitrate", BITRATE], ...features.map((name) => [name, featureOf(name)])];
    for (const [name, feature] of wanted) {
      if (this.#charts.has(name)) continue;
      const chart = new ChartCard(feature, name === "bitrate" ? this.#loadBitrate : this.#loadScores(name));
      this.#charts.set(name, chart);
      if (feature.leading) this.grid.append(chart.element);
      else if (name !== "bitrate") this.more.append(chart.element);
    }
    // The bitrate explains the scores, so it stands right after them.
    const bits = this.#charts.get("bitrate").element;
    if (this.grid.lastElementChild !== bits) this.grid.append(bits);
    this.moreBox.hidden = !this.more.childElementCount;
  }

  #loadScores = (name) => async ({ period, pool }) => {
    const answer = await this.source.series(this.name, name, period, pool);
    return answer.series.map((line) => ({
      rendition: line.rendition, times: line.start_ms, values: line.value,
      note: line.truncated ? "The period holds more segments than fit; the oldest are left out." : "",
    }));
  };

  #loadBitrate = async ({ period }) => {
    const answer = await this.source.segments(this.name, period);
    return answer.series.map((line) => ({
      rendition: line.rendition, times: line.start_ms, values: line.bitrate_bps.map((value) => (value === null ? null : value / 1e6)), note: "",
    }));
  };

  #showToolbar(rows, colours, period, now) {
    const hidden = [...this.#hidden];
    show(this.toolbar, [rows.map((row) => row.rendition), hidden, this.#zoom], () => [
      rows.map((row) => h("button", {
        type: "button", class: "legend", id: `legend-${row.rendition}`, "aria-pressed": String(!this.#hidden.has(row.rendition)),
        style: { "--line": colourVariable(colours.get(row.rendition)) }, onclick: () => this.#toggle(row.rendition),
      }, h("i", { class: "swatch" }), row.rendition)),
      this.#zoom
        ? h("button", { type: "button", class: "legend reset", id: "zoom-reset", onclick: () => this.#zoomTo(null) },
          `${moment(period.since, now)} – ${clock(period.until)} ${zone(period.until)} ✕`)
        : null,
    ]);
  }

  #toggle(rendition) {
    if (!this.#hidden.delete(rendition)) this.#hidden.add(rendition);
    this.update(...this.#latest);
  }

  #zoomTo(range) {
    if (!range && !this.#zoom) return;
    this.#zoom = range && range[1] - range[0] > 2000 ? { since: Math.floor(range[0]), until: Math.ceil(range[1]) } : null;
    invalidate(this.toolbar);
    this.update(...this.#latest);
  }

  async #showLadder(stream, colours, period) {
    const choices = stream.features.filter((name) => featureOf(name).leading);
    if (!choices.includes(this.ladderFeature)) this.ladderFeature = stream.headline[0] ?? "";
    show(this.ladder.choice, [choices, this.ladderFeature], () =>
      choices.length > 1
        ? h("label", {}, "Score ", h("select", { id: "ladder-score", onchange: (event) => {
          this.ladderFeature = event.target.value;
          this.update(...this.#latest);
        } }, choices.map((name) => h("option", { value: name, selected: name === this.ladderFeature }, featureOf(name).title))))
        : null);
    const ladder = await this.source.ladder(this.name, this.ladderFeature, period);
    await showLadder(this.ladder, ladder, colours);
  }

  async #showSummary(colours, period) {
    if (!isReport && period.until - period.since > SUMS_LIMIT_MS) {
      show(this.summary, "long", () => h("p", { class: "quiet" }, "Shown for periods of up to 6 h; a report (vqmon report) has no such limit."));
      return;
    }
    const summary = await this.source.summary(this.name, period);
    show(this.summary, [summary.rows, [...colours]], () => summaryTable(summary, colours));
  }
}

// A threshold belongs to one statistic; where another one is drawn, the line would mislead.
const poolLines = (thresholds, pool) =>
  thresholds.filter((each) => each.pool === (pool || featureOf(each.feature).pool));
