// A message, or an album of them, in a bubble.
import { useComputed } from "@preact/signals";
import { html } from "../html.js";
import { react, sendCommand } from "./actions.js";
import { Avatar } from "./avatar.js";
import { follow, openPerson } from "./follow.js";
import { Icon, IconButton } from "./icons.js";
import { InlineKeyboard } from "./keyboard.js";
import { Album, Media } from "./media.js";
import { messageMenu } from "./menu.js";
import { colour, isUser, marked, nameOf, usernameOf } from "./peers.js";
import { inShort } from "./service.js";
import { elements } from "./text.js";
import { moment, time } from "./words.js";

/** A text with as few as three emoji, and nothing else, is shown large. */
const EMOJI_ONLY = /^(?:\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\u{FE0F}|\u{200D}\p{Extended_Pictographic})*){1,3}$/u;

export function Bubble({ pane, account, dialog, messages, first, last, active }) {
  const [message] = messages;
  const said = messages.find((each) => each.message) ?? message;
  const out = message.out === true;
  const from = message.from_id ? marked(message.from_id) : out ? account.id : dialog.id;
  const sender = account.entity(from).value;
  const grouped = !isUser(dialog.id);
  const tab = active ? 0 : -1;
  const menu = (event) => openMessage(event, { pane, account, dialog, messages });
  const bare = isBare(message);
  const classes = [
    "bubble", out ? "bubble-own" : "bubble-other", first && "bubble-first", last && "bubble-last",
    bare && "bubble-bare", hasPicture(message) && "bubble-picture",
  ];
  return html`
    <div
      class=${`bubble-row ${out ? "row-own" : "row-other"} ${last ? "row-last" : ""}`}
      role="article"
      aria-label=${`${out ? "You" : nameOf(sender)}, ${time(message.date)}`}
      data-id=${message.id}
      data-ids=${messages.length > 1 ? messages.map((each) => each.id).join(" ") : undefined}
      tabindex=${tab}
      onContextMenu=${menu}
      onKeyDown=${(event) => {
        if (event.target === event.currentTarget && event.key === "Enter") menu(event);
      }}
      onDblClick=${() => (pane.draft(dialog.id).answered.value = message)}
    >
      ${grouped && !out &&
      html`<span class="row-avatar">${last && html`<${Avatar} id=${from} entity=${sender} size="small" />`}</span>`}
      <div class="stack">
        <div class=${classes.filter(Boolean).join(" ")}>
          ${grouped && !out && first && !bare && html`<p class=${`bubble-name name-${colour(from)}`}>${nameOf(sender)}</p>`}
          ${message.fwd_from && html`<${Forwarded} account=${account} header=${message.fwd_from} />`}
          ${message.via_bot_id && html`<${Via} pane=${pane} account=${account} id=${message.via_bot_id} tab=${tab} />`}
          ${message.reply_to?.reply_to_msg_id &&
          html`<${Answered} pane=${pane} account=${account} dialog=${dialog} header=${message.reply_to} tab=${tab} />`}
          ${messages.length > 1
            ? html`<${Album} pane=${pane} account=${account} messages=${messages} tab=${tab} />`
            : html`<${Media} pane=${pane} account=${account} dialog=${dialog} message=${message} tab=${tab} />`}
          <${Text} pane=${pane} account=${account} dialog=${dialog} message=${said} tab=${tab} />
          <${Reactions} pane=${pane} account=${account} dialog=${dialog} message=${message} tab=${tab} />
          <${Meta} message=${messages.at(-1)} dialog=${dialog} out=${out} />
          <${IconButton} name="more" label="Message menu" kind="bubble-menu" tabindex=${tab} onClick=${menu} />
        </div>
        ${message.reply_markup?._ === "replyInlineMarkup" &&
        html`<${InlineKeyboard} pane=${pane} account=${account} dialog=${dialog} message=${message} tab=${tab} />`}
      </div>
    </div>
  `;
}

function openMessage(event, held) {
  if (event.type === "contextmenu" && event.target.closest("a[href^='http']")) return;
  messageMenu(event, held);
}

/** Whether a message stands without a bubble: dice, stickers, single emoji. */
function isBare(message) {
  if (message.media?._ === "messageMediaDice") return true;
  if (message.media?.document?.attributes?.some((each) => each._ === "documentAttributeSticker")) return true;
  return message.media === undefined && !message.entities?.length && EMOJI_ONLY.test(message.message);
}

const hasPicture = ({ media }) =>
  media?._ === "messageMediaPhoto" || /^(?:image|video)\//.test(media?.document?.mime_type ?? "");

function Text({ pane, account, dialog, message, tab }) {
  if (!message.message) return null;
  const act = {
    link: (address) => follow(pane, account, address),
    mention: (name) => follow(pane, account, `t.me/${name}`),
    person: (id) => openPerson(pane, account, id),
    hashtag: (tag) => pane.say(`${tag}: the page does not search for hashtags.`),
    command: (text) => sendCommand(pane, account, dialog.id, addressed(account, dialog, message, text)),
  };
  const large = isBare(message) ? "bubble-text bubble-emoji" : "bubble-text";
  return html`<div class=${large} dir="auto">${elements(message.message, message.entities, act, tab)}</div>`;
}

/** Return a command as an app sends it: in a group with the name of the bot that has written it. */
function addressed(account, dialog, message, text) {
  if (isUser(dialog.id) || text.includes("@") || !message.from_id) return text;
  const sender = account.entity(marked(message.from_id)).value;
  return sender?.bot ? `${text}@${usernameOf(sender)}` : text;
}

function Forwarded({ account, header }) {
  const from = header.from_name ?? (header.from_id && nameOf(account.entity(marked(header.from_id)).value));
  return html`<p class="bubble-header">Forwarded from <strong>${from ?? "somebody"}</strong></p>`;
}

function Via({ pane, account, id, tab }) {
  const bot = account.entity(id).value;
  const name = usernameOf(bot);
  const write = () => (pane.draft(pane.open.value).text.value = `@${name} `);
  return html`
    <p class="bubble-header">via <button class="text-button" tabindex=${tab} onClick=${write}>@${name || nameOf(bot)}</button></p>
  `;
}

/** The message that this one answers, in one line; a click scrolls to it. */
function Answered({ pane, account, dialog, header, tab }) {
  const id = header.reply_to_msg_id;
  // All messages change often; this one seldom does.
  const found = useComputed(() => dialog.get(id)).value;
  // The first message of a topic is what all messages of it answer.
  if (header.forum_topic && !header.reply_to_top_id && found?._ === "messageService") return null;
  const from = found && (found.from_id ? marked(found.from_id) : found.out ? account.id : dialog.id);
  const name = found ? nameOf(account.entity(from).value) : "Message";
  const deleted = !found && (dialog.complete.value || (dialog.messages.peek()?.[0]?.id ?? Infinity) < id);
  return html`
    <button
      class=${`answered ${found ? `line-${colour(from)}` : ""}`}
      tabindex=${tab}
      title="Show the message"
      onClick=${() => (pane.jump.value = id)}
    >
      <span class="answered-name"><span class="unseen">Answer to </span>${name}</span>
      <span class="answered-text">${header.quote_text ?? (found ? inShort(found, account) : deleted ? "Deleted" : "Show the message")}</span>
    </button>
  `;
}

function Reactions({ pane, account, dialog, message, tab }) {
  const results = message.reactions?.results ?? [];
  if (results.length === 0) return null;
  return html`
    <div class="reactions">
      ${results.map(({ reaction, count, chosen_order }) => {
        const emoji = reaction.emoticon ?? "★";
        return html`
          <button
            key=${emoji}
            class="reaction"
            tabindex=${tab}
            aria-pressed=${chosen_order !== undefined}
            aria-label=${`Reaction ${emoji}, ${count}`}
            onClick=${() => reaction.emoticon && react(pane, account, dialog.id, message, emoji)}
          >
            ${emoji} <span>${count}</span>
          </button>
        `;
      })}
    </div>
  `;
}

function Meta({ message, dialog, out }) {
  const edited = message.edit_date !== undefined && !message.edit_hide;
  const isRead = useComputed(() => out && dialog.readOut.value >= message.id).value;
  return html`
    <span class="meta">
      ${message.pinned && html`<${Icon} name="pin" small /><span class="unseen">pinned</span>`}
      ${message.views !== undefined && html`<span class="meta-views"><${Icon} name="eye" small />${message.views}</span>`}
      ${message.post_author && html`<span>${message.post_author}</span>`}
      ${edited && html`<span>edited</span>`}
      <time title=${moment(message.date)}>${time(message.date)}</time>
      ${out && !message.post &&
      html`<${Icon} name=${isRead ? "read" : "check"} small /><span class="unseen">${isRead ? "read" : "sent"}</span>`}
    </span>
  `;
}

