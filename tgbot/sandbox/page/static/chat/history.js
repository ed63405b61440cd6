// The messages of a chat. It stays at its end while it is there, and loads older messages at its top.
import { Component } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { attempt } from "./actions.js";
import { Bubble } from "./bubble.js";
import { Icon } from "./icons.js";
import { isUser, marked, nameOf } from "./peers.js";
import { serviceWords } from "./service.js";
import { elements } from "./text.js";
import { day, sameDay } from "./words.js";

/** So many pixels from the end still count as the end; older messages load at so many from the top. */
const NEAR = 60;
const EARLY = 900;
/** Messages of one sender within so many seconds are one group of bubbles. */
const TOGETHER = 300;
/** The number of rows that are laid out, or left out, together. */
const BLOCK = 24;

/** Return the rows of a list of messages: days, service messages, and bubbles, an album being one. */
function rowsOf(messages) {
  const rows = [];
  let before = null;
  let date = null;
  for (const message of messages) {
    if (date === null || !sameDay(date, message.date)) {
      rows.push({ kind: "day", key: `day ${message.id}`, date: message.date });
      before = null;
    }
    date = message.date;
    const last = rows.at(-1);
    if (message._ === "messageService") {
      rows.push({ kind: "service", key: message.id, messages: [message] });
      before = null;
      continue;
    }
    if (message.grouped_id !== undefined && before?.grouped_id === message.grouped_id) {
      last.messages.push(message);
    } else {
      const joined = before !== null && together(before, message);
      if (joined) last.last = false;
      rows.push({ kind: "bubble", key: message.id, messages: [message], first: !joined, last: true });
    }
    before = message;
  }
  return rows;
}

function senderOf(message) {
  return message.from_id ? marked(message.from_id) : message.out ? 0 : marked(message.peer_id);
}

function together(one, other) {
  return senderOf(one) === senderOf(other) && one.out === other.out && other.date - one.date < TOGETHER;
}

const same = (one, other) =>
  one.key === other.key && one.first === other.first && one.last === other.last &&
  one.messages?.length === other.messages?.length &&
  (one.messages ?? []).every((message, index) => message === other.messages[index]);

/**
 * Return the rows in blocks of some, as [number, rows]. They are counted from the row with the key `from`, so
 * that a block stays the same when older rows come before it and newer ones behind it.
 */
function blocksOf(rows, from) {
  const begin = Math.max(rows.findIndex((row) => row.key === from), 0);
  const blocks = new Map();
  for (const [index, row] of rows.entries()) {
    const number = Math.floor((index - begin) / BLOCK);
    if (!blocks.has(number)) blocks.set(number, []);
    blocks.get(number).push(row);
  }
  return [...blocks];
}

/** Some rows, which are rendered again only if one of them has changed, and laid out only near the window. */
class Block extends Component {
  shouldComponentUpdate({ rows, active }) {
    const before = this.props;
    const has = (key) => rows.some((row) => row.key === key);
    return (
      rows.length !== before.rows.length || !rows.every((row, index) => same(row, before.rows[index])) ||
      (active !== before.active && (has(active) || has(before.active)))
    );
  }

  render({ rows, active, pane, account, dialog }) {
    return html`
      <div class="block">
        ${rows.map((row) => {
          if (row.kind === "day") return html`<${Day} key=${row.key} date=${row.date} />`;
          if (row.kind === "service") {
            return html`<${Service} key=${row.key} message=${row.messages[0]} account=${account} pane=${pane} />`;
          }
          return html`
            <${Bubble} key=${row.key} pane=${pane} account=${account} dialog=${dialog} messages=${row.messages}
              first=${row.first} last=${row.last} active=${row.key === active} />
          `;
        })}
      </div>
    `;
  }
}

function Day({ date }) {
  return html`<div class="line line-day"><span class="line-words">${day(date)}</span></div>`;
}

function Service({ message, account, pane }) {
  const pinned = message.action._ === "messageActionPinMessage" && message.reply_to?.reply_to_msg_id;
  const words = serviceWords(message, account);
  return html`
    <div class="line" data-id=${message.id}>
      ${pinned
        ? html`<button class="line-words" onClick=${() => (pane.jump.value = pinned)}>${words}</button>`
        : html`<span class="line-words">${words}</span>`}
    </div>
  `;
}

export function History({ pane, account, dialog }) {
  const log = useRef(null);
  const atEnd = useRef(true);
  const seen = useRef({ scrollTop: 0, scrollHeight: 0 });
  const latest = useRef(0);
  const kept = useRef(null);
  const [end, setEnd] = useState(true);
  const [active, setActive] = useState(0);
  const messages = dialog.messages.value;
  const rows = useMemo(() => rowsOf(messages ?? []), [messages]);
  const begin = useRef(null);
  begin.current ??= rows.find((row) => row.kind !== "day")?.key ?? null;
  const unread = dialog.unread.value;

  const toEnd = (smooth = false) => {
    const element = log.current;
    if (element === null) return;
    element.scrollTo({ top: element.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  };
  const read = () => {
    if (atEnd.current && document.visibilityState === "visible" && dialog.unread.peek() > 0) account.read(dialog);
  };

  const older = async () => {
    if (dialog.loading || dialog.complete.value || dialog.messages.value === null) return;
    const loading = attempt(pane, account.loadHistory(dialog));
    const edge = log.current.getBoundingClientRect().top;
    const isSeen = (element) => element.getBoundingClientRect().bottom > edge;
    // To ask where a row is lays out its block: only the block that is seen is asked.
    const block = [...log.current.querySelectorAll(".block")].find(isSeen);
    const first = block && [...block.querySelectorAll("[data-id]")].find(isSeen);
    if (first !== undefined) kept.current = { element: first, top: first.getBoundingClientRect().top };
    await loading;
  };

  // After new messages: stay at the end, or where the reader is.
  useLayoutEffect(() => {
    const element = log.current;
    if (element === null || messages === null) return;
    const anchor = kept.current;
    kept.current = null;
    const newest = messages.at(-1)?.id;
    const said = newest !== latest.current && messages.at(-1)?.out;
    latest.current = newest;
    if (atEnd.current || said) {
      atEnd.current = true;
      toEnd();
    } else if (anchor !== null && anchor.element.isConnected) {
      element.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    }
    // There may be room for more, and no scrolling that would ask for it.
    requestAnimationFrame(() => log.current !== null && log.current.scrollTop < EARLY && older());
    read();
  }, [messages]);

  useEffect(() => {
    document.addEventListener("visibilitychange", read);
    // Pictures that load, and keyboards that appear, move the end.
    const watching = new ResizeObserver(() => atEnd.current && toEnd());
    watching.observe(log.current);
    watching.observe(log.current.firstElementChild);
    return () => {
      document.removeEventListener("visibilitychange", read);
      watching.disconnect();
    };
  }, [dialog]);
  useEffect(read, [unread]);

  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = log.current;
    const before = seen.current;
    seen.current = { scrollTop, scrollHeight };
    if (atEnd.current && scrollHeight !== before.scrollHeight && scrollTop >= before.scrollTop) {
      // What is at the end has grown: nobody has scrolled up.
      toEnd();
      return;
    }
    atEnd.current = scrollHeight - scrollTop - clientHeight < NEAR;
    if (atEnd.current !== end) setEnd(atEnd.current);
    if (atEnd.current) read();
    if (scrollTop < EARLY) older();
  };

  // A click on an answer or a pin jumps to its message, which may have to be loaded.
  const jump = pane.jump.value;
  useEffect(() => {
    if (jump === null) return;
    pane.jump.value = null;
    show(pane, account, dialog, log.current, jump);
  }, [jump]);

  const last = rows.findLast((row) => row.kind === "bubble")?.key ?? 0;
  const chosen = rows.some((row) => row.key === active) ? active : last;
  const onKeyDown = (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const bubble = event.target.closest?.(".bubble-row");
    if (by === undefined || event.target !== bubble) return;
    const all = [...log.current.querySelectorAll(".bubble-row")];
    const next = all[all.indexOf(bubble) + by];
    event.preventDefault();
    if (next === undefined) return;
    setActive(Number(next.dataset.id));
    next.focus();
  };

  return html`
    <div class="history">
      <div
        ref=${log}
        class="log"
        role="log"
        aria-label=${`Messages with ${nameOf(account.entity(dialog.id).value)}`}
        aria-live="polite"
        aria-busy=${messages === null}
        tabindex=${rows.length === 0 ? 0 : -1}
        onScroll=${onScroll}
        onKeyDown=${onKeyDown}
        onFocusIn=${(event) => {
          const row = event.target.closest(".bubble-row");
          if (row) setActive(Number(row.dataset.id));
        }}
      >
        <div class="log-inside">
          ${messages === null && html`<p class="log-note" role="status">Loading …</p>`}
          ${messages !== null && !dialog.complete.value && html`<p class="log-note">Older messages …</p>`}
          ${messages?.length === 0 && html`<${Nothing} account=${account} dialog=${dialog} />`}
          ${blocksOf(rows, begin.current).map(
            ([number, some]) => html`
              <${Block} key=${number} rows=${some} active=${chosen} pane=${pane} account=${account} dialog=${dialog} />
            `,
          )}
          <${Drafts} dialog=${dialog} />
        </div>
      </div>
      ${!end &&
      html`
        <button class="to-end" aria-label=${unread ? `Scroll to the end, ${unread} unread` : "Scroll to the end"}
          onClick=${() => toEnd(true)}>
          <${Icon} name="down" />
          ${unread > 0 && html`<span class="badge to-end-badge" aria-hidden="true">${unread}</span>`}
        </button>
      `}
    </div>
  `;
}

/** The texts that bots are streaming: they become messages later, or vanish. */
function Drafts({ dialog }) {
  const drafts = [...dialog.typing.value].filter(([, action]) => action._ === "sendMessageTextDraftAction");
  return drafts.map(
    ([who, { text }]) => html`
      <div key=${who} class="bubble-row row-other row-last block-row">
        <div class="bubble bubble-other bubble-first bubble-last">
          <div class="bubble-text" dir="auto">${elements(text.text, text.entities, {}, -1)}</div>
        </div>
      </div>
    `,
  );
}

/** What an empty chat shows: what a bot says about itself. */
function Nothing({ account, dialog }) {
  const { id } = dialog;
  const entity = account.entity(id).value;
  if (!isUser(id)) return html`<p class="log-note">No messages here yet.</p>`;
  if (!entity?.bot) return html`<p class="log-note">No messages here yet. Say hello.</p>`;
  const description = account.full(id).value?.bot_info?.description;
  return html`
    <div class="about-bot">
      <h2>What can this bot do?</h2>
      <p>${description || "It has no description yet. Press Start, and see."}</p>
    </div>
  `;
}

/** Scroll to a message and let it flash; load older messages until it is there. */
async function show(pane, account, dialog, log, id) {
  const find = () => log.querySelector(`[data-id="${id}"], [data-ids~="${id}"]`);
  while (find() === null && !dialog.complete.value && (dialog.messages.value?.[0]?.id ?? 0) > id) {
    if ((await attempt(pane, account.loadHistory(dialog).then(() => true))) === undefined) return;
    await new Promise(requestAnimationFrame);
  }
  const row = find();
  if (row === null) {
    pane.say("The message is not there any more.");
    return;
  }
  row.scrollIntoView({ block: "center" });
  row.classList.add("flash");
  row.addEventListener("animationend", () => row.classList.remove("flash"), { once: true });
}
