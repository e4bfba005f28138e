// A small line without axes: the latest segments of one score.

import { svg } from "vqmon/dom.js";

const WIDTH = 160;
const HEIGHT = 40;

/** @param values numbers or null, oldest first; @param display range worth plotting, or null */
export function sparkline(values, display) {
  const present = values.filter((value) => value !== null);
  const picture = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "sparkline", "aria-hidden": "true",
  });
  if (present.length < 2) return picture;
  let low = Math.min(...present);
  let high = Math.max(...present);
  // Noise must not look like a fault: the line spans a seventh of the display range at least.
  const least = display ? Math.abs(display[1] - display[0]) / 7 : (high - low || 1);
  if (high - low < least) [low, high] = [(low + high - least) / 2, (low + high + least) / 2];
  const x = (index) => (index / (values.length - 1)) * WIDTH;
  const y = (value) => 2 + (1 - (value - low) / (high - low)) * (HEIGHT - 4);
  const runs = [];
  values.forEach((value, index) => {
    if (value === null) return;
    if (index === 0 || values[index - 1] === null) runs.push([]);
    runs.at(-1).push([x(index), y(value)]);
  });
  for (const run of runs) {
    const line = run.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join("L");
    picture.append(
      svg("path", { class: "area", d: `M${run[0][0].toFixed(1)},${HEIGHT}L${line}L${run.at(-1)[0].toFixed(1)},${HEIGHT}Z` }),
      svg("path", { class: "line", d: `M${line}`, "vector-effect": "non-scaling-stroke" }),
    );
  }
  return picture;
}
