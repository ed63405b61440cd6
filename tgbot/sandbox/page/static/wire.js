// What goes over the wire.
import { html } from "./html.js";

export function Wire() {
  return html`<aside class="wire" aria-label="The wire"></aside>`;
}
