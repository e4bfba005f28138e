// State symbols: each state has a shape of its own, so that colour is never the only sign.

import { svg } from "vqmon/dom.js";

const SHAPES = {
  ok: ["M8 1.2a6.8 6.8 0 1 0 0 13.6A6.8 6.8 0 0 0 8 1.2Zm3.5 5.1-4.2 4.6-2.7-2.5 1-1.1 1.6 1.5 3.2-3.5 1.1 1Z"],
  warning: ["M8 1.1 15.4 14.4H.6L8 1.1Zm-.8 5v4.2h1.6V6.1H7.2Zm0 5.2v1.6h1.6v-1.6H7.2Z"],
  critical: ["M5 .9h6L15.1 5v6L11 15.1H5L.9 11V5L5 .9Zm2.2 3.2v5h1.6v-5H7.2Zm0 6.2V12h1.6v-1.7H7.2Z"],
  down: ["M5 .9h6L15.1 5v6L11 15.1H5L.9 11V5L5 .9Zm.6 3.6L4.5 5.6 6.9 8l-2.4 2.4 1.1 1.1L8 9.1l2.4 2.4 1.1-1.1L9.1 8l2.4-2.4-1.1-1.1L8 6.9 5.6 4.5Z"],
  info: ["M8 1.2a6.8 6.8 0 1 0 0 13.6A6.8 6.8 0 0 0 8 1.2Zm-.8 2.9h1.6v1.6H7.2V4.1Zm0 2.8h1.6v5H7.2v-5Z"],
  silent: ["M8 1.2a6.8 6.8 0 1 0 0 13.6A6.8 6.8 0 0 0 8 1.2ZM5.2 5h1.9v6H5.2V5Zm3.7 0h1.9v6H8.9V5Z"],
  ended: ["M8 1.2a6.8 6.8 0 1 0 0 13.6A6.8 6.8 0 0 0 8 1.2ZM5.3 5.3h5.4v5.4H5.3V5.3Z"],
};
SHAPES.alerting = SHAPES.warning;

export const icon = (state) =>
  svg("svg", { viewBox: "0 0 16 16", class: `icon ${state}`, "aria-hidden": "true", focusable: "false" },
    SHAPES[state].map((shape) => svg("path", { d: shape, "fill-rule": "evenodd" })));
