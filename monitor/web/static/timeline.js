// Which alert when, per rendition: bars in lanes, faults of the input behind them.

import { h } from "vqmon/dom.js";
import { icon } from "vqmon/icons.js";
import { clock, duration, utc } from "vqmon/format.js";
import { go } from "vqmon/route.js";

const LANE_PX = 22;
const ONE_SHOT = {
  segment_missing: "segment missing", segment_bad: "segment undecodable", discontinuity: "discontinuity",
  format_changed: "format changed", decode_error: "decode errors", manifest_error: "playlist error", dropped: "frames not scored",
  reconnect: "reconnect",
};
const MARKS = 150;

/** @param rows renditions in order; @param incidents, events of the stream; @param period {since, until}; @param now; @param width of the track in pixels */
export function timeline(rows, incidents, events, period, now, width) {
  const share = (ms) => (100 * (Math.min(Math.max(ms, period.since), period.until) - period.since)) / (period.until - period.since);
  const inside = incidents.filter((each) => each.starts_ms < period.until && (each.ends_ms ?? now) > period.since);
  const names = rows.map((row) => row.rendition);
  const whole = inside.some((each) => !names.includes(each.rendition));
  const tracks = [...(whole ? [""] : []), ...names].map((name) => {
    const own = inside.filter((each) => (names.includes(each.rendition) ? each.rendition : "") === name);
    const lanes = [];
    const bars = own.sort((a, b) => a.starts_ms - b.starts_ms).map((each) => {
      const end = Math.min(each.ends_ms ?? now, period.until);
      // A name that does not fit into its bar stands beside it, on the side where there is room, and keeps that room free.
      const labelMs = ((each.name.length * 7 + 28) * (period.until - period.since)) / width;
      const narrow = end - each.starts_ms < labelMs;
      const before = narrow && end + labelMs > period.until;
      const from = before ? each.starts_ms - labelMs : Math.max(each.starts_ms, period.since);
      let lane = lanes.findIndex((until) => until <= from);
      if (lane < 0) lane = lanes.length;
      lanes[lane] = narrow && !before ? end + labelMs : end;
      const left = share(each.starts_ms);
      const breadth = share(end) - left;
      const text = `${each.name}${each.rendition ? ` on ${each.rendition}` : ""}, ${each.severity}, ${clock(each.starts_ms)}, ${
        each.ends_ms ? duration(each.ends_ms - each.starts_ms) : "still firing"}`;
      return h("button", {
        class: ["bar", each.severity, each.ends_ms ? "" : "open", narrow ? "narrow" : "", before ? "before" : ""].join(" "), type: "button", id: `bar-${each.id}`,
        title: `${text}\n${each.summary}\n${utc(each.starts_ms)}`, "aria-label": text, onclick: () => go({ alert: each.id }),
        style: { left: `${left}%`, width: `max(6px, ${breadth}%)`, top: `${lane * LANE_PX + 3}px`, height: `${LANE_PX - 4}px` },
      }, icon(each.severity), h("span", {}, each.name));
    });
    const marks = events
      .filter((each) => each.rendition === name && each.kind in ONE_SHOT && each.at_ms >= period.since && each.at_ms < period.until)
      .slice(0, MARKS)
      .map((each) => h("i", {
        class: "mark", style: { left: `${share(each.at_ms)}%` },
        title: `${ONE_SHOT[each.kind]} ${clock(each.at_ms)}\n${each.detail}`,
      }));
    const breaks = outages(events.filter((each) => each.rendition === name || each.rendition === ""), period, now).map(([from, until]) =>
      h("div", {
        class: "outage", title: `down ${clock(from)}, ${duration(until - from)}`,
        style: { left: `${share(from)}%`, width: `max(2px, ${share(until) - share(from)}%)` },
      }));
    return h("div", { class: "track-row" },
      h("div", { class: "track-name" }, name || "stream"),
      h("div", { class: "track", style: { height: `${Math.max(1, lanes.length) * LANE_PX + 2}px` } }, breaks, bars, marks));
  });
  return [
    ...tracks,
    h("div", { class: "track-row axis", "aria-hidden": "true" }, h("div"), h("div", { class: "track-axis" },
      ticks(period).map((ms) => h("span", { style: { left: `${share(ms)}%` } }, clock(ms).slice(0, 5))))),
  ];
}

/** Periods between DOWN and the next UP. */
function outages(events, period, now) {
  const found = [];
  let since = null;
  for (const event of [...events].reverse()) {
    if (event.kind === "down" && since === null) since = event.at_ms;
    if (event.kind === "up" && since !== null) {
      found.push([since, event.at_ms]);
      since = null;
    }
  }
  if (since !== null) found.push([since, now]);
  return found.filter(([from, until]) => from < period.until && until > period.since);
}

function ticks({ since, until }) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080].map((minutes) => minutes * 60e3);
  const step = steps.find((each) => (until - since) / each <= 7) ?? steps.at(-1);
  const shift = new Date(until).getTimezoneOffset() * 60e3;
  const first = Math.ceil((since - shift) / step) * step + shift;
  return Array.from({ length: Math.max(0, Math.floor((until - first) / step) + 1) }, (_, index) => first + index * step);
}
