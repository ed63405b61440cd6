// The page: the chat in the middle, the wire and the stage as panels beside it, or as tabs on a phone.
import { render } from "preact";
import { Chat } from "./chat.js";
import { toggleSecond, two } from "./chat/panes.js";
import { html } from "./html.js";
import { connect, connected } from "./link.js";
import { narrow, PANELS, shown, toggle } from "./panels.js";
import { Stage } from "./stage.js";
import { Wire } from "./wire.js";

const PARTS = { wire: Wire, stage: Stage };

function Bar() {
  return html`
    <header class="bar">
      <h1 class="bar-title">Telegram sandbox</h1>
      <${Offline} />
      <span class="bar-space"></span>
      ${!narrow.value &&
      html`
        <button class="bar-button" aria-pressed=${two.value} onClick=${toggleSecond}>Two people</button>
        ${PANELS.filter(({ id }) => id !== "chat").map(
          ({ id, name }) => html`
            <button key=${id} class="bar-button" aria-pressed=${shown.value.has(id)} onClick=${() => toggle(id)}>
              ${name}
            </button>
          `,
        )}
      `}
    </header>
  `;
}

function Offline() {
  return html`
    <p class="bar-offline" role="status">${!connected.value && "Not connected. Trying again …"}</p>
  `;
}

function Tabs() {
  return html`
    <nav class="tabs" aria-label="Parts of the page">
      ${PANELS.map(
        ({ id, name }) => html`
          <button key=${id} class="tab" aria-current=${shown.value.has(id) ? "page" : undefined} onClick=${() => toggle(id)}>
            ${name}
          </button>
        `,
      )}
    </nav>
  `;
}

// A part that is not shown is not rendered: what it has to keep is in its module, not in its components.
function Page() {
  const beside = Object.keys(PARTS).filter((id) => shown.value.has(id));
  return html`
    <div class="page">
      <${Bar} />
      <div class="parts">
        ${shown.value.has("chat") && html`<${Chat} />`}
        ${beside.length > 0 &&
        html`
          <div class="panels">
            ${beside.map((id) => html`<div key=${id} class="panel"><${PARTS[id]} /></div>`)}
          </div>
        `}
      </div>
      ${narrow.value && html`<${Tabs} />`}
    </div>
  `;
}

render(html`<${Page} />`, document.getElementById("page"));
connect();
