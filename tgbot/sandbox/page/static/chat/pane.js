// A pane: who it shows, the list of their chats, and the chat that is open.
import { html } from "../html.js";
import { accountOf } from "./accounts.js";
import { Conversation } from "./conversation.js";
import { List } from "./list.js";
import { Notices } from "./modal.js";
import { PersonBar, Welcome } from "./people.js";

export function Pane({ pane, label }) {
  const account = accountOf(pane.account.value);
  const open = pane.open.value;
  return html`
    <section class="pane" aria-label=${label}>
      ${account === undefined
        ? html`<${Welcome} pane=${pane} />`
        : html`
            <div class=${open === null ? "pane-parts" : "pane-parts pane-open"}>
              <div class="side">
                <${PersonBar} pane=${pane} />
                <${List} key=${account.serial} pane=${pane} account=${account} />
              </div>
              ${open === null
                ? html`<div class="nothing"><p>Choose a chat, or find a bot by its @username.</p></div>`
                : html`
                    <${Conversation} key=${`${account.serial} ${open}`} pane=${pane} account=${account} id=${open} />
                  `}
            </div>
          `}
      <${Notices} pane=${pane} />
      <${Over} pane=${pane} />
    </section>
  `;
}

function Over({ pane }) {
  return pane.over.value?.() ?? null;
}

