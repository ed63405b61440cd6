// The field for a new message, with what it answers or edits above it, and the bot's keyboard below it.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { editText, sendText } from "./actions.js";
import { askFiles, attachMenu } from "./attach.js";
import { Icon, IconButton } from "./icons.js";
import { keyboardMessage, ReplyKeyboard } from "./keyboard.js";
import { isUser, marked, nameOf } from "./peers.js";
import { inShort } from "./service.js";
import { Suggestions, useSuggestions } from "./suggest.js";
import { narrow } from "../panels.js";

const GROWS = CSS.supports("field-sizing", "content");

export function Composer({ pane, account, dialog, entity }) {
  const { id } = dialog;
  const draft = pane.draft(id);
  const field = useRef(null);
  const list = useId();
  const [busy, setBusy] = useState(false);
  const suggestions = useSuggestions({ pane, account, dialog, draft });
  const text = draft.text.value;
  const { answered, edited } = draft;
  const keyboard = keyboardMessage(account, dialog);
  const markup = keyboard?.reply_markup;
  const forced = markup?.force_reply || markup?._ === "replyKeyboardForceReply";
  const folded = keyboard !== null && draft.folded.value === keyboard.id;
  const hasKeys = markup?.rows !== undefined;

  useEffect(() => {
    if (!narrow.peek()) field.current?.focus();
  }, []);
  useEffect(() => {
    if (answered.value !== null || edited.value !== null) field.current?.focus();
    if (edited.value !== null) draft.text.value = edited.value.message;
  }, [answered.value, edited.value]);
  // A bot can ask for an answer to its message.
  useEffect(() => {
    if (forced && !folded) answered.value = keyboard;
  }, [forced && keyboard.id]);
  useEffect(() => {
    if (GROWS || field.current === null) return;
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight}px`;
  }, [text]);

  const send = async () => {
    const said = text.trim();
    if (!said || busy) return;
    setBusy(true);
    const done = edited.value
      ? await editText(pane, account, edited.value, id, said)
      : await sendText(pane, account, id, said, answered.value);
    setBusy(false);
    if (done === undefined) return;
    if (forced) draft.folded.value = keyboard.id;
    if (draft.text.peek() === text) draft.text.value = "";
    answered.value = null;
    edited.value = null;
  };
  const cancel = () => {
    if (edited.value !== null) draft.text.value = "";
    answered.value = null;
    edited.value = null;
  };
  const onKeyDown = (event) => {
    if (suggestions.onKeyDown(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && (answered.value || edited.value)) {
      event.preventDefault();
      cancel();
    } else if (event.key === "ArrowUp" && text === "") {
      const own = dialog.messages.value?.findLast((message) => message.out && message.message && !message.fwd_from);
      if (own === undefined) return;
      event.preventDefault();
      edited.value = own;
    }
  };
  const files = (event, given) => {
    const found = [...(given?.files ?? [])];
    if (found.length === 0) return;
    event.preventDefault();
    askFiles(pane, account, dialog, found);
  };
  const placeholder = (!folded && markup?.placeholder) || (entity.broadcast ? "Broadcast a message" : "Message");
  return html`
    <footer
      class="composer"
      onPaste=${(event) => files(event, event.clipboardData)}
      onDragOver=${(event) => event.preventDefault()}
      onDrop=${(event) => files(event, event.dataTransfer)}
    >
      <${Suggestions} id=${list} suggestions=${suggestions} />
      ${(edited.value ?? answered.value) &&
      html`
        <${About} account=${account} dialog=${dialog} message=${edited.value ?? answered.value}
          title=${edited.value ? "Edit message" : null} cancel=${cancel} />
      `}
      <div class="composer-line">
        <${IconButton} name="attach" label="Attach" aria-haspopup="menu"
          onClick=${(event) => attachMenu(event, pane, account, dialog)} />
        <${CommandsButton} account=${account} dialog=${dialog} draft=${draft} field=${field} />
        <textarea
          ref=${field}
          rows="1"
          class="composer-field"
          placeholder=${placeholder}
          aria-label=${`Message to ${nameOf(entity)}`}
          aria-autocomplete="list"
          aria-controls=${list}
          aria-activedescendant=${suggestions.items.length > 0 ? `${list}-${suggestions.chosen}` : undefined}
          value=${text}
          onInput=${(event) => (draft.text.value = event.currentTarget.value)}
          onKeyDown=${onKeyDown}
        ></textarea>
        ${hasKeys &&
        html`
          <${IconButton} name="keyboard" label="Keyboard of the bot" aria-pressed=${!folded}
            onClick=${() => (draft.folded.value = folded ? 0 : keyboard.id)} />
        `}
        <button class="send" aria-label=${edited.value ? "Save the edit" : "Send"} disabled=${!text.trim() || busy} onClick=${send}>
          <${Icon} name=${edited.value ? "check" : "send"} />
        </button>
      </div>
      ${hasKeys && !folded &&
      html`<${ReplyKeyboard} pane=${pane} account=${account} dialog=${dialog} message=${keyboard} />`}
    </footer>
  `;
}

/** The message that is answered or edited. */
function About({ account, dialog, message, title, cancel }) {
  const from = message.from_id ? marked(message.from_id) : message.out ? account.id : dialog.id;
  return html`
    <div class="about">
      <${Icon} name=${title ? "edit" : "reply"} />
      <span class="about-words">
        <span class="answered-name">${title ?? `Answer to ${nameOf(account.entity(from).value)}`}</span>
        <span class="answered-text">${inShort(message, account)}</span>
      </span>
      <${IconButton} name="close" label="Cancel" onClick=${cancel} />
    </div>
  `;
}

/** The button that lists the bot's commands, if it has any. */
function CommandsButton({ account, dialog, draft, field }) {
  if (!isUser(dialog.id) || !account.full(dialog.id).value?.bot_info?.commands?.length) return null;
  const toggle = () => {
    draft.text.value = draft.text.value === "/" ? "" : "/";
    field.current.focus();
  };
  return html`<${IconButton} name="slash" label="Commands of the bot" onClick=${toggle} />`;
}
