// Starts the page, follows the address, refreshes what is seen.

import { AlertDialog, alertList, tickDurations } from "vqmon/alerts.js";
import { isReport, pools, title } from "vqmon/config.js";
import { h, show } from "vqmon/dom.js";
import { clock, moment, tickAges, utc, zone } from "vqmon/format.js";
import { fleetGrid, fleetState } from "vqmon/fleet.js";
import { icon } from "vqmon/icons.js";
import { go, link, period as periodOf, RANGES, route } from "vqmon/route.js";
import { EmbeddedSource, LiveSource } from "vqmon/source.js";
import { StreamPage } from "vqmon/stream.js";

const REST_MS = 1500;
const LONG_REST_MS = 8000;
const DENSE_FROM = 15;

const source = isReport
  ? new EmbeddedSource(JSON.parse(document.getElementById("vqmon-data").textContent))
  : new LiveSource();
const part = (name) => document.getElementById(name);
const dialog = new AlertDialog(source);

let overview = null;
let page = null;
let refreshing = false;
let due = null;
let fleetIncidents = h("div", {});
let fleetCards = h("div", { class: "fleet-grid" });
const fleetPage = h("div", { class: "fleet-page" },
  h("section", { class: "part", "aria-label": "Streams" }, fleetCards),
  h("aside", { class: "part side", "aria-label": "Alerts" }, h("h2", {}, "Alerts"), fleetIncidents));

function shownStream(where) {
  const known = overview.streams.find((each) => each.stream === where.stream);
  return known ?? (overview.streams.length === 1 ? overview.streams[0] : null);
}

async function render() {
  const where = route();
  show(part("fleet"), overview.fleet, fleetState);
  if (!overview.streams.length) {
    swap(null, part("empty").content.cloneNode(true).firstElementChild);
    return;
  }
  const stream = shownStream(where);
  const period = isReport ? source.period() : periodOf(where.range, overview);
  showHeading(stream, where, period);
  if (stream) {
    if (page?.name !== stream.stream) {
      swap(new StreamPage(stream.stream, source));
    }
    await page.update(stream, overview, period, where.pool);
  } else {
    if (page || !fleetPage.isConnected) swap(null, fleetPage);
    fleetCards.classList.toggle("dense", overview.streams.length > DENSE_FROM);
    show(fleetCards, [overview.streams, overview.active], () => fleetGrid(overview.streams, overview.active, overview.now_ms));
    const listed = [...overview.active, ...overview.recent];
    show(fleetIncidents, listed, () => alertList(listed, source, overview.now_ms, true));
  }
  const incidents = [...(page?.incidents ?? []), ...overview.active, ...overview.recent];
  dialog.open(where.alert ? incidents.find((each) => each.id === where.alert) : null, overview.now_ms);
}

function swap(next, element = next?.element) {
  if (next === null && part("content").firstElementChild?.isEqualNode(element)) return;
  page?.close();
  page = next;
  part("content").replaceChildren(element);
}

function showHeading(stream, where, period) {
  document.title = stream ? `${stream.stream} – ${title}` : title;
  const several = overview.streams.length > 1;
  show(part("heading"), [stream?.stream, stream?.state, several, where, period.anchored, isReport && period], () => [
    h("div", { class: "crumbs" },
      several && stream ? h("a", { href: link({ stream: "", alert: "" }), class: "back" }, "All streams") : null,
      h("h1", {}, stream ? stream.stream : "Streams"),
      stream ? h("span", { class: `state ${stream.state}` }, icon(stream.state), stream.state) : null,
      period.anchored ? h("span", { class: "quiet", title: `${utc(period.since)} – ${utc(period.until)}` },
        isReport ? `${moment(period.since, 0)} – ${moment(period.until, period.since)} ${zone(period.until)}` : `newest data: ${moment(period.until, overview.now_ms)}`) : null),
    isReport || !stream ? null : h("div", { class: "controls" }, rangeChoice(where), poolChoice(where)),
  ]);
}

const rangeChoice = (where) => h("nav", { class: "ranges", "aria-label": "Period" }, [...RANGES].map(([name, { label }]) =>
  h("a", { href: link({ range: name }), id: `range-${name}`, "aria-current": name === where.range ? "true" : null }, label)));

const poolChoice = (where) => h("label", { class: "pool" }, h("span", {}, "Statistic"),
  h("select", { id: "pool", onchange: (event) => go({ pool: event.target.value }) },
    ["", ...pools].map((name) => h("option", { value: name, selected: name === where.pool }, name ? name.replaceAll("_", " ") : "default"))));

async function refresh() {
  if (refreshing) return;
  refreshing = true;
  const began = performance.now();
  try {
    overview = await source.overview();
    problem("");
    await render();
  } catch (error) {
    problem(error.message);
  } finally {
    refreshing = false;
  }
  // A fleet too large to be read at each change is answered from memory: ask again for what was announced meanwhile.
  if (overview && overview.revision < source.announced) soon(began);
}

/** Refresh when the rest after the last refresh is over; long periods change slowly and cost more. */
function soon(began = performance.now()) {
  if (due) return;
  const rest = ["15m", "1h"].includes(route().range) ? REST_MS : LONG_REST_MS;
  due = setTimeout(() => {
    due = null;
    if (document.visibilityState === "visible") refresh();
  }, Math.max(0, rest - (performance.now() - began)));
}

function changed() {
  if (!overview) refresh();
  else soon();
}

function connection(state, heardAt) {
  const words = { live: "Live", lost: "Reconnecting", stale: "Stale", connecting: "Connecting" };
  document.documentElement.dataset.connection = state;
  part("connection").replaceChildren(h("i", { class: "dot" }), words[state]);
  const since = heardAt ? ` Showing data from ${clock(heardAt)}.` : "";
  part("outage").hidden = state === "live" || state === "connecting";
  part("outage").textContent = state === "lost" ? `The connection to the monitor is lost; trying again.${since}` : `Nothing heard from the monitor.${since}`;
  if (state === "live") refresh();
}

function problem(text) {
  part("problem").hidden = !text;
  part("problem").textContent = text && `The monitor can't answer: ${text}`;
}

function tick() {
  const now = source.now();
  if (!isReport) {
    part("clock").textContent = clock(now);
    part("clock").title = utc(now);
    part("clock").dateTime = new Date(now).toISOString();
    tickAges(now);
    tickDurations(now);
  }
}

if (isReport) {
  part("connection").textContent = "Report";
  part("zone").textContent = zone(source.now());
  for (const note of source.notes()) part("notes").append(h("p", { class: "quiet" }, note));
} else {
  part("zone").textContent = zone(Date.now());
  source.watch(changed, connection);
}
addEventListener("hashchange", () => overview && render().catch((error) => problem(error.message)));
addEventListener("visibilitychange", () => document.visibilityState === "visible" && !isReport && refresh());
matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => page?.restyle());
setInterval(tick, 1000);
tick();
refresh();
