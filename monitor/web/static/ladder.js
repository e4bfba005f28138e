// The ladder: what each rung costs and how good it looks.

import { featureOf } from "vqmon/config.js";
import { h, show } from "vqmon/dom.js";
import { bitrate, frameRate, isPercent, resolution, score, scoreWithUnit, unit } from "vqmon/format.js";
import { icon } from "vqmon/icons.js";
import { colourVariable } from "vqmon/palette.js";
import { draw, ladderFigure } from "vqmon/plots.js";

/** Fill `section` ({plot, table}) with the ladder of a stream. */
export async function showLadder(section, ladder, colours) {
  const feature = featureOf(ladder.feature);
  const inverted = ladder.rungs.filter((rung) => rung.beaten_by.length);
  show(section.table, [ladder, [...colours]], () => ladderTable(ladder, feature, colours));
  show(section.verdict, [inverted, ladder.feature], () => verdict(inverted, ladder.rungs, feature));
  await draw(section.plot, ladderFigure({
    rungs: ladder.rungs, colours, display: feature.display, percent: isPercent(feature), height: 260,
    yTitle: [feature.title, isPercent(feature) ? "" : unit(feature)].filter(Boolean).join(", "),
  }), {
    explain: ([point]) => {
      const rung = ladder.rungs.find((each) => each.rendition === point.customdata);
      return rung && [
        h("div", { class: "tip-time" }, rung.rendition, h("span", {}, resolution(rung.width, rung.height))),
        h("div", { class: "tip-row" }, h("span", {}, bitrate(rung.bitrate_bps)), h("b", {}, scoreWithUnit(feature, rung.score))),
      ];
    },
  });
  section.plot.setAttribute("aria-label", `${feature.title} over bitrate; the table beside it has the numbers`);
}

function verdict(inverted, rungs, feature) {
  if (!rungs.some((rung) => rung.score !== null)) return "No scores in this period.";
  if (!inverted.length) return [icon("ok"), " Every rung looks better than the cheaper ones."];
  return [icon("warning"), ` ${inverted.map((rung) => rung.rendition).join(", ")}: more bits than ${
    [...new Set(inverted.flatMap((rung) => rung.beaten_by))].join(", ")}, ${feature.title} no better.`];
}

function ladderTable(ladder, feature, colours) {
  return h("table", {},
    h("thead", {}, h("tr", {}, ["Rung", "Resolution", "Bitrate", [feature.title, unit(feature)].filter(Boolean).join(" "), ""].map((text, index) =>
      h("th", { scope: "col", class: index === 2 || index === 3 ? "number" : null }, text)))),
    h("tbody", {}, [...ladder.rungs].reverse().map((rung) => h("tr", { class: rung.beaten_by.length ? "inverted" : null },
      h("th", { scope: "row" }, h("i", { class: "swatch", style: { "--line": colourVariable(colours.get(rung.rendition)) } }), rung.rendition),
      h("td", {}, resolution(rung.width, rung.height),
        rung.frame_rate ? h("span", { class: "rate" }, ` · ${frameRate(rung.frame_rate)}`) : null),
      h("td", { class: "number" }, bitrate(rung.bitrate_bps)),
      h("td", { class: "number" }, score(feature, rung.score)),
      h("td", {}, rung.beaten_by.length
        ? h("span", { class: "flag", title: `no better than ${rung.beaten_by.join(", ")}, which needs fewer bits` }, icon("warning"), "inverted")
        : null)))));
}
