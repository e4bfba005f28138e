// One chart over time with its heading. It asks for data only while it can be seen.

import { h, show } from "vqmon/dom.js";
import { isPercent, scoreWithUnit, unit } from "vqmon/format.js";
import { colourVariable } from "vqmon/palette.js";
import { draw, explainMoment, seriesFigure, undraw } from "vqmon/plots.js";

const HEIGHT = 212;

const watcher = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      entry.target.card.visible = entry.isIntersecting;
      if (entry.isIntersecting) entry.target.card.refresh();
    }
  },
  { rootMargin: "250px" },
);

export class ChartCard {
  visible = false;
  #loading = false;
  #request = null;
  #loaded = null;

  /**
   * @param feature description with title, unit, display ...
   * @param load (context) => Promise of [{rendition, times, values, note}]
   */
  constructor(feature, load) {
    this.feature = feature;
    this.load = load;
    this.plot = h("div", { class: "plot", role: "img", style: { height: `${HEIGHT}px` } });
    this.values = h("div", { class: "chart-values" });
    this.note = h("p", { class: "chart-note", hidden: true });
    this.element = h("article", { class: "chart panel" }, this.#heading(), this.plot, this.note);
    this.element.card = this;
    watcher.observe(this.element);
  }

  /** Take a new context {key, period, colours, hidden, thresholds, incidents, now, zoomed}; draws now or once it is seen. */
  update(context) {
    this.#request = context;
    if (this.visible) this.refresh();
  }

  async refresh() {
    const context = this.#request;
    if (this.#loading || !context || context === this.#loaded) return;
    this.#loading = true;
    try {
      await this.#draw(context, await this.load(context));
      this.#loaded = context;
    } catch (problem) {
      this.#say(problem.message);
      this.#loaded = context;
    } finally {
      this.#loading = false;
    }
    if (this.#request !== this.#loaded) this.refresh();
  }

  close() {
    watcher.unobserve(this.element);
    undraw(this.plot);
  }

  #heading() {
    const { feature } = this;
    const direction = { true: "higher is better", false: "lower is better" }[feature.higher_is_better] ?? "";
    const about = [
      feature.metric && `${feature.metric}: ${feature.summary}`, feature.zero && `Zero: ${feature.zero}`,
      feature.no_data && `No data: ${feature.no_data}`,
    ].filter(Boolean).join("\n");
    return h("header", { class: "chart-head" },
      h("h3", { title: about }, feature.title),
      h("span", { class: "chart-unit" }, [unit(feature), direction].filter(Boolean).join(" · ")),
      this.values);
  }

  async #draw(context, series) {
    const { feature } = this;
    const place = [...context.colours.keys()];
    const lines = series
      .filter((line) => !context.hidden.has(line.rendition))
      .sort((a, b) => place.indexOf(a.rendition) - place.indexOf(b.rendition))
      .map((line) => ({ name: line.rendition, colour: context.colours.get(line.rendition), times: line.times, values: line.values }));
    const empty = !lines.some((line) => line.values.some((value) => value !== null));
    this.#say(empty ? "No values in this period." : series.map((line) => line.note).find(Boolean) ?? "");
    const bands = context.incidents
      .filter((incident) => !context.hidden.has(incident.rendition))
      .map((incident) => ({
        name: incident.name, severity: incident.severity, renditions: [incident.rendition], own: incident.feature === feature.name,
        starts: incident.starts_ms, ends: incident.ends_ms ?? context.period.until,
      }));
    const value = (number) => scoreWithUnit(feature, number);
    const figure = seriesFigure({
      lines, bands, period: context.period, display: feature.display, limits: [feature.minimum, feature.maximum],
      thresholds: context.thresholds.filter((each) => each.feature === feature.name),
      percent: isPercent(feature), height: HEIGHT, width: this.plot.clientWidth || 400,
    });
    const latest = lines.map((line) => ({ name: line.name, colour: line.colour, value: line.values.findLast((each) => each !== null) }));
    this.plot.setAttribute("aria-label", `${feature.title} over time. Latest: ${
      latest.map((line) => `${line.name} ${line.value === undefined ? "no value" : value(line.value)}`).join(", ")}`);
    show(this.values, latest, () => latest.map((line) => h("span", { class: "chart-value" },
      h("i", { style: { background: colourVariable(line.colour) } }),
      line.value === undefined ? "–" : value(line.value))));
    await draw(this.plot, figure, {
      explain: (points) => explainMoment(points, value, (name) => colourVariable(context.colours.get(name)), bands),
      zoomed: context.zoomed,
    });
  }

  #say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }
}
