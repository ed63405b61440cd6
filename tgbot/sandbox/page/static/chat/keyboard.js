// Keyboards of bots: buttons under a message, and those in place of the field for a new one.
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { attempt, sendMedia, sendText } from "./actions.js";
import { askContact, askLocation } from "./attach.js";
import { follow, openPerson, outside } from "./follow.js";
import { Icon } from "./icons.js";
import { copy } from "./menu.js";
import { alert, confirm, Modal } from "./modal.js";
import { isUser, marked, nameOf, usernameOf } from "./peers.js";

function styleOf({ style }) {
  if (style?.bg_danger) return "key-danger";
  if (style?.bg_success) return "key-good";
  return style?.bg_primary ? "key-primary" : "";
}

// -- under a message

export function InlineKeyboard({ pane, account, dialog, message, tab }) {
  return html`
    <div class="keys" role="group" aria-label="Buttons of the message">
      ${message.reply_markup.rows.map(
        (row) => html`
          <div class="keys-row">
            ${row.buttons.map(
              (button) => html`
                <${InlineKey} pane=${pane} account=${account} dialog=${dialog} message=${message} button=${button} tab=${tab} />
              `,
            )}
          </div>
        `,
      )}
    </div>
  `;
}

/** The sign in the corner of a button that does something else than to tell the bot. */
const SIGNS = {
  inlineButtonTypeUrl: "out",
  inlineButtonTypeUrlAuth: "out",
  inlineButtonTypeSwitchInline: "forward",
  inlineButtonTypeCopy: "copy",
  inlineButtonTypeUserProfile: "person",
  inlineButtonTypeWebView: "window",
  inlineButtonTypeBuy: "star",
};

function InlineKey({ pane, account, dialog, message, button, tab }) {
  const [waits, setWaits] = useState(false);
  const press = async () => {
    if (waits) return;
    setWaits(true);
    await does(pane, account, dialog, message, button);
    setWaits(false);
  };
  const sign = SIGNS[button.type._];
  return html`
    <button class=${`key ${styleOf(button)}`} tabindex=${tab} aria-busy=${waits} onClick=${press}
      disabled=${button.type._ === "inlineButtonTypeDisabled"}>
      ${button.text}
      ${sign && html`<span class="key-sign"><${Icon} name=${sign} small /></span>`}
      ${waits && html`<span class="spinner" role="status"><span class="unseen">waiting for the bot</span></span>`}
    </button>
  `;
}

function does(pane, account, dialog, message, { text, type }) {
  switch (type._) {
    case "inlineButtonTypeCallback":
      return press(pane, account, dialog, message, { data: type.data });
    case "inlineButtonTypeGame":
      return press(pane, account, dialog, message, { game: true });
    case "inlineButtonTypeUrl":
      return follow(pane, account, type.url);
    case "inlineButtonTypeUrlAuth":
      return confirm(pane, {
        title: "Log in to a site?",
        text: `The button logs you in on ${type.url}. The sandbox's login page is a part of its own; this opens the site without the login.`,
        does: "Open",
        then: () => outside(pane, type.url),
      });
    case "inlineButtonTypeSwitchInline":
      return switchInline(pane, account, dialog, message, type);
    case "inlineButtonTypeCopy":
      return copy(pane, type.copy_text);
    case "inlineButtonTypeUserProfile":
      return openPerson(pane, account, type.user_id);
    case "inlineButtonTypeWebView":
      return alert(pane, text, `In an app this opens the mini app ${type.url}. The page does not run mini apps.`);
    case "inlineButtonTypeBuy":
      return alert(pane, text, "In an app this opens a payment. The sandbox has no payments.");
    default:
      return alert(pane, text, "The page does not know what this button does.");
  }
}

/** Tell the bot that its button was pressed, and show what it answers. */
async function press(pane, account, dialog, message, what) {
  const request = { _: "messages.getBotCallbackAnswer", peer: account.peer(dialog.id), msg_id: message.id, ...what };
  const answer = await attempt(pane, account.call(request));
  if (answer === undefined) return;
  const bot = message.via_bot_id ?? (message.from_id ? marked(message.from_id) : dialog.id);
  if (answer.message && answer.alert) alert(pane, nameOf(account.entity(bot).value), answer.message);
  else if (answer.message) pane.say(answer.message);
  if (answer.url) await follow(pane, account, answer.url);
}

/** Put an inline query into the field of this chat, or of one that the person chooses. */
function switchInline(pane, account, dialog, message, type) {
  const bot = message.via_bot_id ?? (message.from_id ? marked(message.from_id) : dialog.id);
  const text = `@${usernameOf(account.entity(bot).value)} ${type.query}`;
  if (type.same_peer) {
    pane.draft(dialog.id).text.value = text;
    return;
  }
  const close = () => (pane.over.value = null);
  pane.over.value = () => html`
    <${Modal} title="Choose a chat" close=${close}>
      <div class="choices">
        ${account.list.value.map(
          ({ id }) => html`
            <button
              key=${id}
              class="choice"
              onClick=${() => {
                close();
                pane.draft(id).text.value = text;
                pane.go(id);
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

// -- in place of the field

/** Return whether a keyboard in a group is meant for this person. */
function isMeant(account, dialog, message) {
  if (!message.reply_markup.selective || isUser(dialog.id)) return true;
  const answered = message.reply_to && dialog.get(message.reply_to.reply_to_msg_id);
  return message.mentioned === true || answered?.out === true;
}

/** Return the message that decides about the reply keyboard: the newest with a keyboard, or its removal. */
export function keyboardMessage(account, dialog) {
  const found = dialog.messages.value?.findLast(
    (message) =>
      !message.out && message.reply_markup !== undefined && message.reply_markup._ !== "replyInlineMarkup" &&
      isMeant(account, dialog, message),
  );
  return found === undefined || found.reply_markup._ === "replyKeyboardHide" ? null : found;
}

export function ReplyKeyboard({ pane, account, dialog, message }) {
  const markup = message.reply_markup;
  const draft = pane.draft(dialog.id);
  const done = () => {
    if (markup.single_use) draft.folded.value = message.id;
  };
  return html`
    <div class=${markup.resize ? "board" : "board board-tall"} role="group" aria-label="Keyboard of the bot">
      ${markup.rows.map(
        (row) => html`
          <div class="keys-row">
            ${row.buttons.map(
              (button) => html`
                <button class=${`board-key ${styleOf(button)}`}
                  onClick=${() => pressed(pane, account, dialog, message, button, done)}>
                  ${button.text}
                </button>
              `,
            )}
          </div>
        `,
      )}
    </div>
  `;
}

async function pressed(pane, account, dialog, message, { text, type }, done) {
  const { id } = dialog;
  // In a group the bot would not see the text otherwise.
  const answered = isUser(id) ? null : message;
  switch (type._) {
    case "buttonTypeDefault":
      if ((await sendText(pane, account, id, text, answered)) !== undefined) done();
      return;
    case "buttonTypeRequestPhone":
      askContact(pane, account, async (media) => {
        if ((await sendMedia(pane, account, id, media, { answered: message })) !== undefined) done();
      });
      return;
    case "buttonTypeRequestGeoLocation":
      askLocation(pane, async (media) => {
        if ((await sendMedia(pane, account, id, media, { answered: message })) !== undefined) done();
      });
      return;
    case "buttonTypeRequestPeer":
      askPeer(pane, account, dialog, message, type, done);
      return;
    case "buttonTypeSimpleWebView":
      alert(pane, text, `In an app this opens the mini app ${type.url}. The page does not run mini apps.`);
      return;
    default:
      alert(pane, text, "The page does not know what this button does.");
  }
}

/** Let the person choose whom, or which chat, they share with the bot. */
function askPeer(pane, account, dialog, message, type, done) {
  const wanted = type.peer_type;
  const fits = ({ id }) => {
    const entity = account.entity(id).value;
    if (entity === undefined || id === dialog.id) return false;
    if (wanted._ === "requestPeerTypeUser") {
      return isUser(id) && (wanted.bot === undefined || wanted.bot === Boolean(entity.bot));
    }
    const channel = entity._ === "channel" && entity.broadcast;
    return !isUser(id) && channel === (wanted._ === "requestPeerTypeBroadcast");
  };
  const close = () => (pane.over.value = null);
  const share = async (id) => {
    close();
    const request = {
      _: "messages.sendBotRequestedPeer", peer: account.peer(dialog.id), msg_id: message.id, button_id: type.button_id,
      requested_peers: [account.peer(id)],
    };
    if ((await attempt(pane, account.call(request))) !== undefined) done();
  };
  pane.over.value = () => {
    const found = account.list.value.filter(fits);
    return html`
      <${Modal} title="Share with the bot" close=${close}>
        <div class="choices">
          ${found.map(({ id }) => html`<button key=${id} class="choice" onClick=${() => share(id)}>${nameOf(account.entity(id).value)}</button>`)}
          ${found.length === 0 && html`<p class="quiet">No chat of this person fits.</p>`}
        </div>
      </${Modal}>
    `;
  };
}
