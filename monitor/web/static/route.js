// What is being looked at, kept in the address so that it can be sent to somebody: #stream=live&range=6h&pool=p5&alert=...

export const RANGES = new Map([
  ["15m", { label: "15 min", ms: 15 * 60e3 }],
  ["1h", { label: "1 h", ms: 3600e3 }],
  ["6h", { label: "6 h", ms: 6 * 3600e3 }],
  ["24h", { label: "24 h", ms: 24 * 3600e3 }],
  ["all", { label: "All", ms: Infinity }],
]);
const DEFAULT_RANGE = "1h";

export function route() {
  const given = new URLSearchParams(location.hash.slice(1));
  const range = given.get("range");
  return {
    stream: given.get("stream") ?? "",
    range: RANGES.has(range) ? range : DEFAULT_RANGE,
    pool: given.get("pool") ?? "",
    alert: given.get("alert") ?? "",
  };
}

/** The address of the present view with some changes. */
export function link(changes) {
  const target = { ...route(), ...changes };
  const given = new URLSearchParams();
  for (const name of ["stream", "range", "pool", "alert"]) {
    if (target[name] && !(name === "range" && target[name] === DEFAULT_RANGE)) given.set(name, target[name]);
  }
  return `#${given}`;
}

export function go(changes) {
  location.hash = link(changes);
}

/** The period to show. It ends now, unless the newest data is older than the whole range: then it ends with the data. */
export function period(range, overview) {
  const { ms } = RANGES.get(range);
  const newest = overview.newest_ms ?? overview.now_ms;
  const oldest = overview.oldest_ms ?? newest;
  const anchored = overview.now_ms - newest > Math.min(ms, 24 * 3600e3);
  const until = anchored ? newest : overview.now_ms;
  const since = ms === Infinity ? Math.min(oldest, until - 60e3) : until - ms;
  return { since: Math.max(0, Math.floor(since)), until: Math.ceil(until), anchored };
}
