// Building and refreshing elements. Text is always set as text, so nothing from a stream can become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([key, text]) => element.style.setProperty(key, text));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);

export const svg = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

const shown = new WeakMap();

/** Replace the children of `element`, but only where `data` changed since the last call; keyboard focus survives by id. */
export function show(element, data, build) {
  const key = JSON.stringify(data);
  if (shown.get(element) === key) return false;
  shown.set(element, key);
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  element.replaceChildren(...[build(data)].flat(Infinity).filter(Boolean));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  return true;
}

/** Forget what `element` showed, so that the next `show` builds it again. */
export const invalidate = (element) => shown.delete(element);
