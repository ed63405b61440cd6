// The menu of a message: answer, edit, forward, copy, pin, react, delete.
import { html } from "../html.js";
import { deleteMessages, forward, pin, react } from "./actions.js";
import { Modal, openMenu } from "./modal.js";
import { isChannel, isUser, nameOf } from "./peers.js";
import { count } from "./words.js";

/** What can be given with one click. */
const REACTIONS = ["👍", "❤", "🔥", "🎉", "😁", "😢", "👎"];

export function messageMenu(event, { pane, account, dialog, messages }) {
  const { id } = dialog;
  const said = messages.find((each) => each.message) ?? messages[0];
  const draft = pane.draft(id);
  const editable = said.out && !said.fwd_from && !said.via_bot_id && said.media?._ !== "messageMediaPoll";
  const items = [
    { name: "Reply", icon: "reply", does: () => (draft.answered.value = messages[0]) },
    editable && { name: "Edit", icon: "edit", does: () => (draft.edited.value = said) },
    said.message && { name: "Copy text", icon: "copy", does: () => copy(pane, said.message) },
    { name: "Forward", icon: "forward", does: () => chooseChat(pane, account, id, messages) },
    { name: "Show on the wire", icon: "eye", does: () => showOnWire(account, id, said) },
    { name: said.pinned ? "Unpin" : "Pin", icon: "pin", does: () => pin(pane, account, id, said, !said.pinned) },
    { name: "Delete", icon: "remove", danger: true, does: () => askDelete(pane, account, dialog, messages) },
  ];
  const reactions = (close) => html`
    <div class="menu-reactions" role="group" aria-label="React">
      ${REACTIONS.map(
        (emoji) => html`
          <button
            key=${emoji}
            role="menuitem"
            tabindex="-1"
            class="menu-reaction"
            aria-label=${`React with ${emoji}`}
            onClick=${() => {
              close();
              react(pane, account, id, said, emoji);
            }}
          >
            ${emoji}
          </button>
        `,
      )}
    </div>
  `;
  openMenu(pane, event, items, reactions);
}

/** Tell the wire beside the chat which message's story to show. */
function showOnWire(account, peer, message) {
  dispatchEvent(new CustomEvent("show-message", { detail: { account: account.id, peer, id: message.id } }));
}

export async function copy(pane, text) {
  try {
    await navigator.clipboard.writeText(text);
    pane.say("Copied.");
  } catch {
    pane.say("The browser does not let this page copy.", { kind: "error" });
  }
}

/** Ask for whom a message is deleted. */
function askDelete(pane, account, dialog, messages) {
  const { id } = dialog;
  const close = () => (pane.over.value = null);
  const does = (revoke) => {
    close();
    deleteMessages(pane, account, id, messages, revoke);
  };
  const others = isUser(id) ? nameOf(account.entity(id).value) : "everybody";
  const what = messages.length > 1 ? count(messages.length, "message") : "this message";
  pane.over.value = () => html`
    <${Modal} title=${`Delete ${what}?`} close=${close}>
      <footer class="modal-foot modal-column">
        ${id !== account.id &&
        html`<button class="button button-danger" autofocus onClick=${() => does(true)}>
          ${isChannel(id) || !isUser(id) ? "Delete for everybody" : `Delete for me and ${others}`}
        </button>`}
        ${!isChannel(id) && html`<button class="button button-danger" onClick=${() => does(false)}>Delete for me</button>`}
        <button class="button button-plain" onClick=${close}>Cancel</button>
      </footer>
    </${Modal}>
  `;
}

/** Let the person choose the chat to which messages are forwarded. */
function chooseChat(pane, account, from, messages) {
  const close = () => (pane.over.value = null);
  pane.over.value = () => html`
    <${Modal} title="Forward to …" close=${close}>
      <div class="choices">
        ${account.list.value.map(
          ({ id }) => html`
            <button
              key=${id}
              class="choice"
              onClick=${async () => {
                close();
                if ((await forward(pane, account, from, messages, id)) !== undefined) pane.go(id);
              }}
            >
              ${id === account.id ? "Saved messages" : nameOf(account.entity(id).value)}
            </button>
          `,
        )}
      </div>
    </${Modal}>
  `;
}

