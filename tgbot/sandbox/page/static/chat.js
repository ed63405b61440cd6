// The chats of people.
import { html } from "./html.js";

export function Chat() {
  return html`<main class="chat"></main>`;
}
