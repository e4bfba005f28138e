// The state of each rendition: large numbers, a small chart, what is being delivered.

import { featureOf } from "vqmon/config.js";
import { h } from "vqmon/dom.js";
import { ageElement, bitrate, frameRate, resolution, score, shortTitle, unit } from "vqmon/format.js";
import { icon } from "vqmon/icons.js";
import { colourVariable } from "vqmon/palette.js";
import { sparkline } from "vqmon/sparkline.js";

export const STATE_WORDS = { ok: "up", down: "down", silent: "silent", ended: "ended", alerting: "alerting" };

/** @param row of the overview; @param alerts active on it; @param now */
export function renditionCard(row, alerts, colour, now) {
  const [first, ...others] = row.scores;
  const severity = ["critical", "warning", "info"].find((level) => alerts.some((each) => each.severity === level));
  const mark = row.state === "ok" && severity ? severity : row.state;
  return h("article", { class: `rendition panel ${mark}`, style: { "--line": colourVariable(colour) } },
    h("header", {},
      h("i", { class: "swatch" }), h("h3", {}, row.rendition),
      h("span", { class: `state ${mark}`, title: row.detail || null }, icon(mark),
        row.state === "ok" && severity ? alertNames(alerts) : STATE_WORDS[row.state])),
    first
      ? h("div", { class: "hero" },
        h("div", { class: "hero-number" },
          h("span", { class: "hero-value" }, score(featureOf(first.feature), first.value), h("small", {}, unit(featureOf(first.feature)))),
          h("span", { class: "hero-title" }, shortTitle(featureOf(first.feature)))),
        sparkline(first.spark, featureOf(first.feature).display))
      : h("p", { class: "quiet" }, "No scores yet."),
    others.length ? h("dl", { class: "also" }, others.map((each) => h("div", {},
      h("dt", {}, shortTitle(featureOf(each.feature))),
      h("dd", {}, score(featureOf(each.feature), each.value), h("small", {}, unit(featureOf(each.feature))))))) : null,
    h("footer", {},
      [resolution(row.width, row.height), frameRate(row.frame_rate), bitrate(row.bitrate_bps), row.codec].filter(Boolean)
        .map((text) => h("span", {}, text)),
      h("span", { class: "age" }, ageElement(row.last_end_ms, now))));
}

const alertNames = (alerts) => (alerts.length > 1 ? `${alerts.length} alerts` : alerts[0].name);
