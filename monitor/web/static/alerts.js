// Alerts: what fires now, what fired before, and the pictures that prove it.

import { featureOf } from "vqmon/config.js";
import { h, show } from "vqmon/dom.js";
import { duration, isPercent, scoreWithUnit, timeElement } from "vqmon/format.js";
import { icon } from "vqmon/icons.js";
import { draw, frameFigure, undraw } from "vqmon/plots.js";
import { go, link } from "vqmon/route.js";

// On a phone the past is folded away, so that the charts are near.
let unfolded = matchMedia("(min-width: 700px)").matches;

const named = (incident, name) => incident.evidence.find((path) => path.split("/").at(-1) === name) ?? "";
const place = (incident) => [incident.stream, incident.rendition].filter(Boolean).join(" / ");

/** @param incidents newest first; @param withStream whether to name the stream */
export function alertList(incidents, source, now, withStream) {
  const open = incidents.filter((each) => each.ends_ms === null);
  const over = incidents.filter((each) => each.ends_ms !== null);
  const rank = { critical: 0, warning: 1, info: 2 };
  open.sort((a, b) => rank[a.severity] - rank[b.severity] || b.starts_ms - a.starts_ms);
  if (!incidents.length) return [h("p", { class: "quiet all-clear" }, icon("ok"), "No alerts in this period.")];
  const item = (each) => alertItem(each, source, now, withStream);
  return [
    open.length ? h("h3", {}, "Active", h("span", { class: "badge" }, String(open.length))) : h("p", { class: "quiet all-clear" }, icon("ok"), "Nothing is firing."),
    open.length ? h("ul", { class: "alerts", "aria-label": "Active alerts" }, open.map(item)) : null,
    over.length
      ? h("details", { class: "resolved", open: unfolded, ontoggle: (event) => { unfolded = event.target.open; } },
        h("summary", {}, `Resolved (${over.length})`),
        h("ul", { class: "alerts", "aria-label": "Resolved alerts" }, over.map(item)))
      : null,
  ];
}

function alertItem(incident, source, now, withStream) {
  const pictures = ["frame.jpg", "reference.jpg"].map((name) => named(incident, name)).filter((path) => path && source.evidenceUrl(path));
  return h("li", { class: `alert ${incident.severity} ${incident.ends_ms === null ? "open" : "over"}` },
    h("a", { href: link({ alert: incident.id }), id: `alert-${incident.id}` },
      h("div", { class: "alert-head" }, icon(incident.severity), h("b", {}, incident.name),
        h("span", { class: "alert-place" }, withStream ? place(incident) : incident.rendition || "stream")),
      h("p", {}, incident.summary),
      h("div", { class: "alert-when" }, h("span", { class: `severity ${incident.severity}` }, incident.severity),
        timeElement(incident.starts_ms, now), lasted(incident, now)),
      pictures.length ? h("div", { class: "thumbs" }, pictures.map((path) => h("img", {
        src: source.evidenceUrl(path), alt: path.endsWith("frame.jpg") ? "worst frame" : "reference frame", loading: "lazy",
      }))) : null));
}

// While it lasts, the duration counts up by itself.
const lasted = (incident, now) =>
  incident.ends_ms === null
    ? h("span", { "data-since": incident.starts_ms }, `for ${duration(now - incident.starts_ms)}`)
    : h("span", {}, duration(incident.ends_ms - incident.starts_ms));

export function tickDurations(now) {
  for (const element of document.querySelectorAll("[data-since]")) {
    element.textContent = `for ${duration(now - Number(element.dataset.since))}`;
  }
}

/** The dialog that shows one alert with its evidence. */
export class AlertDialog {
  #shown = "";

  constructor(source) {
    this.source = source;
    this.body = h("div", { class: "dialog-body" });
    this.element = h("dialog", { class: "panel", "aria-label": "Alert", onclose: () => this.#closed() }, this.body);
    this.element.addEventListener("click", (event) => event.target === this.element && this.element.close());
    document.body.append(this.element);
  }

  /** Show the incident, or close where there is none. */
  open(incident, now) {
    if (!incident) {
      if (this.element.open) this.element.close();
      return;
    }
    if (this.#shown === incident.id && this.element.open) return;
    this.#shown = incident.id;
    const plot = h("div", { class: "plot", role: "img", "aria-label": "score of each frame of the segment", style: { height: "220px" } });
    const picker = h("div", { class: "picker" });
    const note = h("p", { class: "quiet" });
    this.plot = plot;
    this.body.replaceChildren(
      h("header", {}, icon(incident.severity),
        h("div", {}, h("h2", {}, incident.name), h("p", {}, place(incident))),
        h("button", { type: "button", class: "close", "aria-label": "Close", autofocus: true, onclick: () => this.element.close() }, "✕")),
      h("p", { class: "lead" }, incident.summary),
      incident.description ? h("p", {}, incident.description) : h("span"),
      facts(incident, now), this.#pictures(incident),
      h("section", { class: "frames" }, picker, plot, note));
    if (!this.element.open) this.element.showModal();
    this.#frames(incident, plot, picker, note);
  }

  #closed() {
    if (this.plot) undraw(this.plot);
    // The list may have been rebuilt meanwhile, and the browser would return to a link that is gone.
    document.getElementById(`alert-${this.#shown}`)?.focus({ preventScroll: true });
    this.#shown = "";
    go({ alert: "" });
  }

  #pictures(incident) {
    const entry = (name, caption) => {
      const path = named(incident, name);
      if (!path) return null;
      const url = this.source.evidenceUrl(path);
      if (!url) return h("figure", { class: "left-out" }, h("figcaption", {}, `${caption}: left out to keep this report small`));
      const image = h("img", { src: url, alt: `${caption}, ${place(incident)}` });
      return h("figure", {},
        h("button", { type: "button", class: "zoom", "aria-label": `Enlarge ${caption.toLowerCase()}`, onclick: (event) => event.currentTarget.closest("figure").classList.toggle("large") }, image),
        h("figcaption", {}, caption));
    };
    const found = [entry("frame.jpg", "Worst frame"), entry("reference.jpg", "Reference")].filter(Boolean);
    return found.length ? h("div", { class: "pictures" }, found) : h("p", { class: "quiet" }, "No pictures were kept for this alert.");
  }

  async #frames(incident, plot, picker, note) {
    const path = named(incident, "segment.json");
    plot.hidden = true;
    if (!path) return;
    let segment;
    try {
      segment = await this.source.evidenceDocument(path);
    } catch (problem) {
      note.textContent = `Scores per frame: ${problem.message}.`;
      return;
    }
    const names = [...new Set(segment.frames.flatMap((frame) => Object.keys(frame.scores)))];
    if (!names.length) return;
    plot.hidden = false;
    const choose = async (name) => {
      const feature = featureOf(name);
      const frames = segment.frames
        .filter((frame) => Number.isFinite(frame.scores[name]))
        .map((frame) => ({ pts: frame.pts, index: frame.index, value: frame.scores[name] }));
      show(picker, [name, names], () => [
        h("h3", {}, "Frame by frame"),
        h("label", {}, "Score ", h("select", { id: "frame-score", onchange: (event) => choose(event.target.value) },
          names.map((each) => h("option", { value: each, selected: each === name }, featureOf(each).title)))),
      ]);
      await draw(plot, frameFigure({
        frames, worst: segment.worst?.feature === name ? segment.worst.pts : null, display: feature.display,
        percent: isPercent(feature), yTitle: feature.title, height: 220,
      }), {
        explain: ([point]) => [
          h("div", { class: "tip-time" }, `frame ${point.customdata}`, h("span", {}, `${point.x.toFixed(3)} s`)),
          h("div", { class: "tip-row" }, h("span", {}, feature.title), h("b", {}, scoreWithUnit(feature, point.y))),
        ],
      });
    };
    await choose(names.includes(segment.worst?.feature) ? segment.worst.feature : names[0]);
  }
}

function facts(incident, now) {
  const feature = incident.feature ? featureOf(incident.feature) : null;
  const rows = [
    ["Severity", incident.severity],
    ["Started", timeElement(incident.starts_ms, now)],
    [incident.ends_ms === null ? "Firing" : "Lasted", lasted(incident, now)],
    feature && incident.value !== null ? [feature.title, scoreWithUnit(feature, incident.value)] : null,
    feature && incident.threshold !== null ? ["Threshold", scoreWithUnit(feature, incident.threshold)] : null,
  ];
  return h("dl", { class: "facts" }, rows.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}
