// An open chat: its head, its messages, and what can be done at the bottom.
import { useEffect, useRef } from "preact/hooks";
import { html } from "../html.js";
import { narrow } from "../panels.js";
import { attempt, block, deleteChat, join, leave, mayWrite, startBot } from "./actions.js";
import { Avatar } from "./avatar.js";
import { Composer } from "./composer.js";
import { History } from "./history.js";
import { Icon, IconButton } from "./icons.js";
import { confirm, openMenu } from "./modal.js";
import { isChannel, isUser, kindOf, nameOf, usernameOf } from "./peers.js";
import { openProfile } from "./profile.js";
import { inShort } from "./service.js";
import { typingWords } from "./typing.js";
import { count } from "./words.js";

export function Conversation({ pane, account, id }) {
  const dialog = account.dialog(id);
  const entity = account.entity(id).value;
  useEffect(() => {
    if (entity !== undefined && dialog.messages.value === null) attempt(pane, account.loadHistory(dialog));
  }, [dialog, entity === undefined]);
  if (entity === undefined) {
    const words = account.loaded.value ? "This chat is not known to this account." : "Loading …";
    return html`<div class="nothing"><p role="status">${words}</p></div>`;
  }
  return html`
    <div
      class="conversation"
      onKeyDown=${(event) => {
        if (event.key === "Escape" && !event.defaultPrevented && pane.over.value === null) toList(event, pane, id);
      }}
    >
      <${Head} pane=${pane} account=${account} dialog=${dialog} entity=${entity} />
      <${Pinned} pane=${pane} account=${account} dialog=${dialog} />
      <${History} pane=${pane} account=${account} dialog=${dialog} />
      <${Bottom} pane=${pane} account=${account} dialog=${dialog} entity=${entity} />
    </div>
  `;
}

/** Close the chat; the focus goes to it in the list. */
function toList(event, pane, id) {
  const part = event.currentTarget.closest(".pane");
  pane.go(null);
  setTimeout(() => (part.querySelector(`.chat-item[data-id="${id}"]`) ?? part.querySelector(".search input")).focus());
}

function Head({ pane, account, dialog, entity }) {
  const { id } = dialog;
  const name = id === account.id ? "Saved messages" : nameOf(entity);
  return html`
    <header class="head">
      <${IconButton} name="back" label="Back to the list of chats" kind="head-back" onClick=${(event) => toList(event, pane, id)} />
      <button class="head-who" title="Profile" onClick=${() => openProfile(pane, account, id)}>
        <${Avatar} id=${id} entity=${entity} size="small" />
        <span class="unseen">Profile of </span>
        <span class="head-words">
          <span class="head-name">${name}</span>
          <span class="head-status">${typingWords(account, dialog) || status(account, id, entity)}</span>
        </span>
      </button>
      <${IconButton}
        name="more"
        label="Menu of this chat"
        aria-haspopup="menu"
        onClick=${(event) => openMenu(pane, event, items(pane, account, id, entity))}
      />
    </header>
  `;
}

function status(account, id, entity) {
  if (isUser(id)) {
    if (entity.deleted) return "deleted account";
    return entity.bot ? "bot" : usernameOf(entity) ? `@${usernameOf(entity)}` : "person";
  }
  if (entity._.endsWith("Forbidden") || entity.left) return "not a member";
  const members = account.full(id).value?.participants_count ?? entity.participants_count;
  const noun = entity.broadcast ? "subscriber" : "member";
  return members === undefined ? kindOf(entity) : count(members, noun);
}

function items(pane, account, id, entity) {
  const isBlocked = isUser(id) && account.full(id).value?.blocked === true;
  const isSelf = id === account.id;
  const member = !isUser(id) && account.isMember(id);
  const kind = kindOf(entity);
  return [
    { name: "Profile", icon: "person", does: () => openProfile(pane, account, id) },
    isUser(id) && !isSelf && !isBlocked && {
      name: kind === "bot" ? "Stop and block bot" : "Block", icon: "block", danger: true,
      does: () => block(pane, account, id, true),
    },
    isBlocked && { name: "Unblock", icon: "block", does: () => block(pane, account, id, false) },
    member && {
      name: `Leave ${kind}`, icon: "out", danger: true,
      does: () =>
        confirm(pane, {
          title: `Leave “${nameOf(entity)}”?`, text: "You will not get its messages any more.", does: "Leave",
          danger: true, then: () => leave(pane, account, id),
        }),
    },
    (isUser(id) || !member) && {
      name: "Delete chat", icon: "remove", danger: true,
      does: () => askDelete(pane, account, id, entity),
    },
  ];
}

function askDelete(pane, account, id, entity) {
  confirm(pane, {
    title: "Delete this chat?",
    text: `All messages of the chat with ${nameOf(entity)} are deleted for you.`,
    does: "Delete",
    danger: true,
    then: () => deleteChat(pane, account, id, false),
  });
}

function Pinned({ pane, account, dialog }) {
  const pinned = dialog.messages.value?.findLast((message) => message.pinned);
  if (pinned === undefined) return null;
  return html`
    <button class="pinned" onClick=${() => (pane.jump.value = pinned.id)}>
      <${Icon} name="pin" small />
      <span class="pinned-title">Pinned message</span>
      <span class="pinned-text">${inShort(pinned, account)}</span>
    </button>
  `;
}

/** The only thing that can be done in a chat, as a wide button. */
function FootButton({ name, does }) {
  const self = useRef(null);
  useEffect(() => {
    if (!narrow.peek()) self.current.focus();
  }, []);
  return html`<footer class="foot"><button ref=${self} class="foot-button" onClick=${does}>${name}</button></footer>`;
}

/** What is below the messages: the field for a new one, or the only thing that can be done instead. */
function Bottom({ pane, account, dialog, entity }) {
  const { id } = dialog;
  const start = pane.start.value;
  const wide = (name, does) => html`<${FootButton} key=${name} name=${name} does=${does} />`;
  if (isUser(id)) {
    if (entity.deleted) return html`<footer class="foot foot-words">This account is deleted.</footer>`;
    const begin = async () => {
      pane.start.value = null;
      await startBot(pane, account, id, start ?? "");
    };
    if (account.full(id).value?.blocked) {
      if (!entity.bot) return wide("Unblock", () => block(pane, account, id, false));
      return wide("Restart bot", async () => (await block(pane, account, id, false)) && begin());
    }
    const isNew = dialog.complete.value && dialog.messages.value?.length === 0;
    if (entity.bot && (isNew || start !== null)) return wide("Start", begin);
  } else if (!account.isMember(id)) {
    if (isChannel(id) && usernameOf(entity)) return wide("Join", () => join(pane, account, id));
    return html`<footer class="foot foot-words">You are not a member of this ${kindOf(entity)}.</footer>`;
  } else if (!mayWrite(entity)) {
    return html`<footer class="foot foot-words">Only admins can write in this channel.</footer>`;
  }
  return html`<${Composer} pane=${pane} account=${account} dialog=${dialog} entity=${entity} />`;
}
