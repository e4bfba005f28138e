// Colours come from the stylesheet; this gives them to charts and assigns one to each rendition.

export const COLOURS = 8;

/** Order of renditions everywhere: tallest first, so that colours stay put when bitrates change. */
export function ordered(renditions) {
  return [...renditions].sort(
    (a, b) => b.height - a.height || a.rendition.localeCompare(b.rendition, undefined, { numeric: true }),
  );
}

/** Rendition name to colour number. */
export function colourNumbers(renditions) {
  return new Map(ordered(renditions).map((row, index) => [row.rendition, index % COLOURS]));
}

export const colourVariable = (number) => `var(--line-${number})`;

/** The values that charts need, read from the stylesheet in force. */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    text: read("--text"),
    muted: read("--muted"),
    faint: read("--faint"),
    grid: read("--grid"),
    panel: read("--panel"),
    font: read("--font"),
    scale: Number.parseFloat(style.fontSize) / 15,
    lines: Array.from({ length: COLOURS }, (_, index) => read(`--line-${index}`)),
    severity: { critical: read("--critical"), warning: read("--warning"), info: read("--info") },
  };
}

/** `#rrggbb` with an opacity. */
export function translucent(hex, opacity) {
  const value = Number.parseInt(hex.slice(1), 16);
  return `rgba(${value >> 16}, ${(value >> 8) & 255}, ${value & 255}, ${opacity})`;
}
