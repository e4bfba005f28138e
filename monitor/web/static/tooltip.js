// The one floating box that explains the point under the cursor.

import { h } from "vqmon/dom.js";

let box;

/** Show `content` near the cursor; it never leaves the window. */
export function showTooltip(event, content) {
  if (!box) {
    box = h("div", { class: "tooltip", role: "status" });
    document.body.append(box);
  }
  // Inside an open dialog only the dialog's own children are above everything else.
  const home = document.querySelector("dialog[open]") ?? document.body;
  if (box.parentElement !== home) home.append(box);
  box.replaceChildren(...content);
  box.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = box;
  const right = event.clientX + 18 + width > innerWidth;
  box.style.left = `${Math.max(6, right ? event.clientX - width - 18 : event.clientX + 18)}px`;
  box.style.top = `${Math.max(6, Math.min(event.clientY - height / 2, innerHeight - height - 6))}px`;
}

export function hideTooltip() {
  if (box) box.hidden = true;
}
