// The page: the chat, the wire beside it, and what makes Telegram fail.
import { render } from "preact";
import { Chat } from "./chat.js";
import { html } from "./html.js";
import { connect, connected } from "./link.js";
import { Stage } from "./stage.js";
import { Wire } from "./wire.js";

function Page() {
  return html`
    <div class="page">
      ${!connected.value && html`<p class="offline" role="status">The sandbox is not connected.</p>`}
      <${Chat} />
      <${Wire} />
      <${Stage} />
    </div>
  `;
}

render(html`<${Page} />`, document.getElementById("page"));
connect();
