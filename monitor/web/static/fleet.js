// All streams: counts in the top bar, one card a stream, worst first.

import { featureOf } from "vqmon/config.js";
import { h } from "vqmon/dom.js";
import { ageElement, scoreWithUnit, shortTitle } from "vqmon/format.js";
import { icon } from "vqmon/icons.js";
import { colourNumbers, colourVariable, ordered } from "vqmon/palette.js";
import { link } from "vqmon/route.js";
import { sparkline } from "vqmon/sparkline.js";

const WORDS = { ok: "ok", alerting: "alerting", down: "down", silent: "silent", ended: "ended" };
const ALWAYS = ["ok", "alerting", "down"];

/** The fleet in numbers. */
export function fleetState(fleet) {
  return ["down", "alerting", "silent", "ok", "ended"]
    .filter((state) => ALWAYS.includes(state) || fleet[state])
    .map((state) => h("li", { class: `count ${state}${fleet[state] ? "" : " none"}` },
      icon(state), h("b", {}, String(fleet[state])), h("span", {}, WORDS[state])));
}

/** One card a stream. */
export function fleetGrid(streams, active, now) {
  return streams.map((stream) => {
    const colours = colourNumbers(stream.renditions);
    const alerts = active.filter((each) => each.stream === stream.stream);
    const lead = stream.headline[0] ? featureOf(stream.headline[0]) : null;
    return h("a", { class: `stream-card panel ${stream.state}`, href: link({ stream: stream.stream, alert: "" }), id: `card-${stream.stream}` },
      h("header", {}, h("h2", {}, stream.stream), h("span", { class: `state ${stream.state}` }, icon(stream.state), WORDS[stream.state])),
      alerts.length
        ? h("p", { class: "stream-alert" }, alerts[0].summary || alerts[0].name, alerts.length > 1 ? ` (+${alerts.length - 1})` : "")
        : null,
      h("ul", { class: "rungs" }, ordered(stream.renditions).map((row) => h("li", {
        class: row.state, style: { "--line": colourVariable(colours.get(row.rendition)) },
      },
        h("i", { class: "swatch" }), h("span", { class: "rung-name" }, row.rendition),
        row.scores[0] ? sparkline(row.scores[0].spark, featureOf(row.scores[0].feature).display) : h("span"),
        h("b", {}, row.state === "down" ? "down" : lead && row.scores[0] ? scoreWithUnit(lead, row.scores[0].value) : "–")))),
      h("footer", {}, lead ? h("span", {}, shortTitle(lead)) : null,
        h("span", { class: "age" }, ageElement(Math.max(...stream.renditions.map((row) => row.last_end_ms)), now))));
  });
}
