// What makes Telegram fail, and what is kept of all that was done.
import { html } from "./html.js";

export function Stage() {
  return html`<aside class="stage" aria-label="The stage"></aside>`;
}
