// The messages of a chat. It stays at its end while it is there, and loads older messages at its top.
import { Component } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { attempt } from "./actions.js";
import { Bubble } from "./bubble.js";
import { Icon } from "./icons.js";
import { isUser, marked, nameOf } from "./peers.js";
import { serviceWords } from "./service.js";
import { day, sameDay } from "./words.js";

/** So many pixels from the end still count as the end; older messages load at so many from the top. */
const NEAR = 60;
const EARLY = 900;
/** Messages of one sender within so many seconds are one group of bubbles. */
const TOGETHER = 300;

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
      last.same += ` ${message.id}`;
    } else {
      const joined = before !== null && together(before, message);
      if (joined) last.last = false;
      rows.push({ kind: "bubble", key: message.id, messages: [message], first: !joined, last: true, same: "" });
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

/** Renders again only if its messages, or its place among its neighbours, have changed. */
class Row extends Component {
  shouldComponentUpdate(next) {
    const { row, active } = this.props;
    return (
      row.kind !== next.row.kind || row.first !== next.row.first || row.last !== next.row.last ||
      active !== next.active || row.messages.length !== next.row.messages.length ||
      row.messages.some((message, index) => message !== next.row.messages[index])
    );
  }

  render({ row, active, pane, account, dialog }) {
    if (row.kind === "service") {
      return html`<${Service} message=${row.messages[0]} account=${account} pane=${pane} />`;
    }
    return html`
      <${Bubble} pane=${pane} account=${account} dialog=${dialog} messages=${row.messages} first=${row.first}
        last=${row.last} active=${active} />
    `;
  }
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
  const height = useRef(0);
  const kept = useRef(null);
  const [end, setEnd] = useState(true);
  const [active, setActive] = useState(0);
  const messages = dialog.messages.value;
  const rows = useMemo(() => rowsOf(messages ?? []), [messages]);
  const unread = dialog.unread.value;
  const top = messages?.at(-1)?.id ?? 0;

  const toEnd = (smooth = false) => {
    const element = log.current;
    if (element === null) return;
    element.scrollTo({ top: element.scrollHeight, behavior: smooth ? "smooth" : "instant" });
  };
  const read = () => {
    if (atEnd.current && document.visibilityState === "visible" && dialog.unread.peek() > 0) account.read(dialog);
  };

  // After new messages: stay at the end, or where the reader is.
  useLayoutEffect(() => {
    const element = log.current;
    if (element === null || messages === null) return;
    const anchor = kept.current;
    kept.current = null;
    if (atEnd.current || messages.at(-1)?.out) {
      atEnd.current = true;
      toEnd();
    } else if (anchor !== null && anchor.element.isConnected) {
      element.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    }
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

  const older = async () => {
    if (dialog.loading || dialog.complete.value || dialog.messages.value === null) return;
    const loading = attempt(pane, account.loadHistory(dialog));
    const first = [...log.current.querySelectorAll("[data-id]")].find(
      (element) => element.getBoundingClientRect().bottom > log.current.getBoundingClientRect().top,
    );
    if (first !== undefined) kept.current = { element: first, top: first.getBoundingClientRect().top };
    await loading;
  };
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = log.current;
    if (atEnd.current && scrollHeight !== height.current) {
      // What is at the end has grown: nobody has scrolled.
      height.current = scrollHeight;
      toEnd();
      return;
    }
    height.current = scrollHeight;
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
          ${rows.map((row) =>
            row.kind === "day"
              ? html`<div key=${row.key} class="line line-day"><span class="line-words">${day(row.date)}</span></div>`
              : html`
                  <${Row} key=${row.key} row=${row} active=${row.key === chosen} pane=${pane} account=${account}
                    dialog=${dialog} />
                `,
          )}
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
      <span class="unseen" data-top=${top}></span>
    </div>
  `;
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
