// What is suggested while somebody types: a bot's commands, and the results of an inline query.
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.js";
import { act, sendText } from "./actions.js";
import { inputUser, isUser, randomId, usernameOf } from "./peers.js";
import { mediaWords } from "./service.js";
import { count } from "./words.js";

/** A query is asked for when so many milliseconds have passed without a key. */
const PAUSE_MS = 250;

/** Return the commands that a chat offers: those of the bot, or of all bots in a group. */
function commandsOf(account, id) {
  const full = account.full(id).value;
  if (isUser(id)) return (full?.bot_info?.commands ?? []).map((each) => ({ ...each, name: `/${each.command}` }));
  return (Array.isArray(full?.bot_info) ? full.bot_info : []).flatMap((info) =>
    (info.commands ?? []).map((each) => ({
      ...each, name: `/${each.command}@${usernameOf(account.entity(info.user_id).value)}`,
    })),
  );
}

/** Return {items, chosen, onKeyDown, pick, note}: what is suggested for the text of a draft. */
export function useSuggestions({ pane, account, dialog, draft }) {
  // What was chosen for one text says nothing about the next one.
  const [chosen, setChosen] = useState({ text: "", index: 0 });
  const [closed, setClosed] = useState("");
  const text = draft.text.value;
  const inline = useInline({ pane, account, dialog, draft });
  const typed = /^\/(\w*)$/.exec(text);
  const commands = typed && closed !== text
    ? commandsOf(account, dialog.id)
        .filter(({ command }) => command.startsWith(typed[1].toLowerCase()))
        .map((each) => ({
          key: each.name, title: each.name, text: each.description,
          pick() {
            draft.text.value = "";
            sendText(pane, account, dialog.id, each.name);
          },
          complete: () => (draft.text.value = `${each.name} `),
        }))
    : [];
  const items = commands.length > 0 ? commands : closed === text ? [] : inline.items;
  const at = chosen.text === text ? Math.min(chosen.index, Math.max(items.length - 1, 0)) : 0;
  return {
    items,
    chosen: at,
    note: commands.length > 0 || closed === text ? "" : inline.note,
    pick: (item) => item.pick(),
    /** Handle a key of the field; return whether it was for the list. */
    onKeyDown(event) {
      if (items.length === 0) return false;
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (by !== undefined) setChosen({ text, index: (at + by + items.length) % items.length });
      else if (event.key === "Escape") setClosed(text);
      else if (event.key === "Tab" && items[at].complete && !event.shiftKey) items[at].complete();
      else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) items[at].pick();
      else return false;
      event.preventDefault();
      return true;
    },
  };
}

/** Ask the bot that a text begins with for results. */
function useInline({ pane, account, dialog, draft }) {
  const [found, setFound] = useState(null);
  const text = draft.text.value;
  const typed = /^@(\w{4,32})\s(.*)$/s.exec(text);
  useEffect(() => {
    setFound(null);
    if (typed === null) return undefined;
    let live = true;
    const timer = setTimeout(async () => {
      const answer = await query(account, dialog, typed[1], typed[2]);
      if (live) setFound(answer);
    }, PAUSE_MS);
    return () => {
      live = false;
      clearTimeout(timer);
    };
  }, [text]);
  if (typed === null || found === null) return { items: [], note: "" };
  if (found.error !== undefined) return { items: [], note: found.error };
  const send = async (result) => {
    draft.text.value = "";
    const sent = await act(pane, account, {
      _: "messages.sendInlineBotResult", peer: account.peer(dialog.id), query_id: found.query_id, id: result.id,
      random_id: randomId(),
    });
    if (sent === undefined) draft.text.value = text;
  };
  const items = found.results.map((result) => ({
    key: result.id,
    title: result.title ?? (result.photo ? "Photo" : result.document ? mediaWords({ _: "messageMediaDocument", document: result.document }) : result.id),
    text: result.description ?? result.send_message.message ?? "",
    pick: () => send(result),
  }));
  if (found.switch_pm) {
    items.unshift({
      key: "switch", title: found.switch_pm.text, text: "Goes to the bot's chat",
      pick() {
        draft.text.value = "";
        pane.go(found.bot, found.switch_pm.start_param);
      },
    });
  }
  return { items, note: items.length === 0 ? "No results." : "" };
}

/** Return the results of an inline query, {error} in words if there are none; null if the name is no inline bot's. */
async function query(account, dialog, name, text) {
  try {
    const { users } = await account.call({ _: "contacts.resolveUsername", username: name });
    const bot = users[0];
    if (bot?.bot_inline_placeholder === undefined) return null;
    const answer = await account.call({
      _: "messages.getInlineBotResults", bot: inputUser(bot), peer: account.peer(dialog.id), query: text, offset: "",
    });
    return { ...answer, bot: bot.id };
  } catch (error) {
    if (error.name === "USERNAME_NOT_OCCUPIED") return null;
    return { error: error.name === "BOT_RESPONSE_TIMEOUT" ? "The bot did not answer the query." : error.message };
  }
}

export function Suggestions({ id, suggestions }) {
  const { items, chosen, note } = suggestions;
  return html`
    <div class=${items.length > 0 ? "suggestions" : "suggestions suggestions-none"} id=${id} role="listbox" aria-label="Suggestions">
      ${items.map(
        (item, index) => html`
          <div key=${item.key} id=${`${id}-${index}`} role="option" aria-selected=${index === chosen}
            class="suggestion" onPointerDown=${(event) => {
              event.preventDefault();
              suggestions.pick(item);
            }}>
            <span class="suggestion-title">${item.title}</span>
            <span class="suggestion-text">${item.text}</span>
          </div>
        `,
      )}
    </div>
    <p class=${note ? "suggestions-note" : "unseen"} role="status">
      ${note || (items.length > 0 && `${count(items.length, "suggestion")}: choose with the arrow keys`)}
    </p>
  `;
}

