// The chats of people: one pane, or two side by side.
import { panes, two } from "./chat/panes.js";
import { Pane } from "./chat/pane.js";
import { narrow } from "./panels.js";
import { html } from "./html.js";

export function Chat() {
  // A window without room for two shows the first.
  const shown = narrow.value ? panes.value.slice(0, 1) : panes.value;
  return html`
    <main class="chat">
      ${shown.map(
        (pane, index) => html`
          <${Pane} key=${pane.id} pane=${pane} label=${two.value ? `Person ${index + 1}` : "Chats"} />
        `,
      )}
    </main>
  `;
}
