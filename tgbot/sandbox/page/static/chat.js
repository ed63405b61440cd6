// The chats of people: one pane, or two side by side.
import { panes } from "./chat/panes.js";
import { html } from "./html.js";

export function Chat() {
  return html`
    <main class="chat">
      ${panes.value.map((pane) => html`<section key=${pane.id} class="pane"></section>`)}
    </main>
  `;
}
