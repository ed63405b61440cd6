// The list of chats, and the search above it: names, usernames, links.
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { bots, people } from "./accounts.js";
import { resolve } from "./actions.js";
import { Avatar } from "./avatar.js";
import { follow } from "./follow.js";
import { IconButton } from "./icons.js";
import { read } from "./links.js";
import { openMenu, rove } from "./modal.js";
import { newChat } from "./newchat.js";
import { isUser, kindOf, marked, nameOf, usernameOf } from "./peers.js";
import { inShort } from "./service.js";
import { typingWords } from "./typing.js";
import { when } from "./words.js";

export function List({ pane, account }) {
  const [query, setQuery] = useState("");
  const wanted = query.trim();
  const items = [
    { name: "New group", icon: "people", does: () => newChat(pane, account, "supergroup") },
    { name: "New basic group", icon: "group", does: () => newChat(pane, account, "group") },
    { name: "New channel", icon: "megaphone", does: () => newChat(pane, account, "channel") },
  ];
  return html`
    <div class="search">
      <input
        type="search"
        placeholder="Search, @username or link"
        aria-label="Search chats, a username, or a link"
        value=${query}
        onInput=${(event) => setQuery(event.currentTarget.value)}
        onKeyDown=${(event) => {
          if (event.key === "Escape") setQuery("");
          if (event.key === "Enter" && wanted) find(pane, account, wanted, setQuery);
          if (event.key === "ArrowDown") {
            event.currentTarget.closest(".side").querySelector(".chat-item")?.focus();
            event.preventDefault();
          }
        }}
      />
      <${IconButton} name="edit" label="New group or channel" onClick=${(event) => openMenu(pane, event, items)} />
    </div>
    <nav class="chats" aria-label="Chats" onKeyDown=${(event) => rove(event, ".chat-item")}>
      ${wanted
        ? html`<${Found} pane=${pane} account=${account} wanted=${wanted} done=${() => setQuery("")} />`
        : html`<${Chats} pane=${pane} account=${account} />`}
    </nav>
  `;
}

/** Open what was typed: a link, or a username. */
async function find(pane, account, wanted, setQuery) {
  if (read(wanted) !== null && /[/:.]/.test(wanted)) {
    if ((await follow(pane, account, wanted)) !== undefined) setQuery("");
    return;
  }
  const id = await resolve(pane, account, wanted.replace(/^@/, ""));
  if (id === undefined) return;
  pane.go(id);
  setQuery("");
}

function Chats({ pane, account }) {
  const dialogs = account.list.value;
  if (!account.loaded.value) return html`<p class="empty" role="status">Loading …</p>`;
  return html`
    ${dialogs.map((dialog) => html`<${Item} key=${dialog.id} pane=${pane} account=${account} dialog=${dialog} />`)}
    <${Strangers} pane=${pane} account=${account} wanted="" empty=${dialogs.length === 0} />
  `;
}

/** Chats, people and bots whose names contain what was typed. */
function Found({ pane, account, wanted, done }) {
  const text = wanted.replace(/^@/, "").toLowerCase();
  const dialogs = account.list.value.filter((dialog) => {
    const entity = account.entity(dialog.id).value;
    return `${nameOf(entity)} ${usernameOf(entity)}`.toLowerCase().includes(text);
  });
  const link = read(wanted) !== null && /[/:.]/.test(wanted);
  return html`
    ${link &&
    html`<button class="chat-item chat-link" onClick=${() => follow(pane, account, wanted).then(done)}>Open ${wanted}</button>`}
    ${dialogs.map(
      (dialog) => html`<${Item} key=${dialog.id} pane=${pane} account=${account} dialog=${dialog} done=${done} />`,
    )}
    <${Strangers} pane=${pane} account=${account} wanted=${text} done=${done} empty=${dialogs.length === 0 && !link} />
  `;
}

/** Bots and people of the sandbox without a chat with this person, who can be found by their usernames. */
function Strangers({ pane, account, wanted, done, empty }) {
  const known = new Set(account.list.value.map((dialog) => dialog.id));
  const matches = ({ id, name, last_name, username }) =>
    username && id !== account.id && !known.has(id) &&
    `${name} ${last_name} ${username}`.toLowerCase().includes(wanted);
  const found = [...bots.value.map((bot) => ({ ...bot, bot: true })), ...(people.value ?? [])].filter(matches);
  if (found.length === 0) {
    return empty ? html`<p class="empty">${wanted ? "Nothing found. Enter looks for a username." : "No chats yet."}</p>` : null;
  }
  const open = async (username) => {
    const id = await resolve(pane, account, username);
    if (id === undefined) return;
    done?.();
    pane.go(id);
  };
  return html`
    <h2 class="chats-title">In this sandbox</h2>
    ${found.map(
      ({ id, name, last_name, username, bot }) => html`
        <button key=${id} class="chat-item" onClick=${() => open(username)}>
          <${Avatar} id=${id} entity=${{ first_name: name, last_name }} />
          <span class="chat-words">
            <span class="chat-line"><span class="chat-name">${[name, last_name].filter(Boolean).join(" ")}</span></span>
            <span class="chat-line quiet">@${username}${bot && ", bot"}</span>
          </span>
        </button>
      `,
    )}
  `;
}

/** Return "You: " or, in a group, "Anna: ", for what stands before the newest message. */
function author(account, dialog, message) {
  if (message._ !== "message" || message.post) return "";
  if (message.out) return "You: ";
  if (isUser(dialog.id) || !message.from_id) return "";
  const sender = account.entity(marked(message.from_id)).value;
  return `${sender?.first_name ?? nameOf(sender)}: `;
}

function Item({ pane, account, dialog, done }) {
  const entity = account.entity(dialog.id).value;
  const top = dialog.top.value;
  const unread = dialog.unread.value;
  const open = pane.open.value === dialog.id;
  const typing = typingWords(account, dialog);
  const name = dialog.id === account.id ? "Saved messages" : nameOf(entity);
  return html`
    <button
      class="chat-item"
      data-id=${dialog.id}
      aria-current=${open ? "true" : undefined}
      onClick=${() => {
        done?.();
        pane.go(dialog.id);
      }}
    >
      <${Avatar} id=${dialog.id} entity=${entity} />
      <span class="chat-words">
        <span class="chat-line">
          <span class="chat-name">${name}</span>
          ${kindOf(entity) !== "person" && html`<span class="unseen">, ${kindOf(entity)}</span>`}
          ${top && html`<time class="chat-when">${when(top.date)}</time>`}
        </span>
        <span class="chat-line">
          ${typing
            ? html`<span class="chat-text chat-typing">${typing}</span>`
            : html`<span class="chat-text quiet">${top && `${author(account, dialog, top)}${inShort(top, account)}`}</span>`}
          ${unread > 0 && html`<span class="badge">${unread}<span class="unseen"> unread</span></span>`}
        </span>
      </span>
    </button>
  `;
}
