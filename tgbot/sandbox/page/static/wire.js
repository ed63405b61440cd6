// What goes over the wire, beside the chat.
import { useEffect, useState } from "preact/hooks";
import { html } from "./html.js";
import { Entry } from "./wire/entry.js";
import { account, accounts, CHOICES, choices, choose, clear, filtered, pause, paused, rows, start, stop, words } from "./wire/feed.js";
import { List } from "./wire/list.js";
import { message, Stories } from "./wire/story.js";

/** Milliseconds without a key after which what was typed is searched. */
const TYPED = 200;

export function Wire() {
  useEffect(() => {
    start();
    return stop;
  }, []);
  return html`
    <section class="wire" aria-label="The wire">
      ${message.value === null ? html`<${All} />` : html`<${Stories} />`}
      <${Entry} />
    </section>
  `;
}

function All() {
  return html`
    <${Filter} />
    <div class="wire-main">
      <${List} />
      ${rows.value.length === 0 && html`<p class="wire-note wire-empty">${empty()}</p>`}
    </div>
  `;
}

function empty() {
  if (filtered.value) return "Nothing that was recorded has passed the filter.";
  return "Nothing has gone over the wire yet. Start a bot on the sandbox, or write to one.";
}

function Filter() {
  const [typed, setTyped] = useState(words.value);
  useEffect(() => {
    if (typed === words.value) return undefined;
    const timer = setTimeout(() => choose(() => (words.value = typed)), TYPED);
    return () => clearTimeout(timer);
  }, [typed]);

  function toggle(id) {
    const chosen = new Set(choices.value);
    if (!chosen.delete(id)) chosen.add(id);
    choose(() => (choices.value = chosen));
  }

  function onAccount({ currentTarget }) {
    choose(() => (account.value = currentTarget.value === "" ? null : Number(currentTarget.value)));
  }

  return html`
    <div class="wire-filter" role="search" aria-label="Filter of the wire">
      <input
        class="wire-words"
        type="search"
        placeholder="Method, text, error …"
        aria-label="Words in the method, the text or the error"
        value=${typed}
        onInput=${({ currentTarget }) => setTyped(currentTarget.value)}
      />
      <select class="wire-account" aria-label="Account" value=${account.value ?? ""} onChange=${onAccount}>
        <option value="">All accounts</option>
        ${accounts.value.map(({ id, name }) => html`<option key=${id} value=${id}>${name}</option>`)}
        <option value="0">Not logged in</option>
      </select>
      <div class="wire-choices" role="group" aria-label="Kinds of messages">
        ${CHOICES.map(
          ({ id, name, title }) => html`
            <button key=${id} class="wire-choice" title=${title} aria-pressed=${choices.value.has(id)} onClick=${() => toggle(id)}>
              ${name}
            </button>
          `,
        )}
      </div>
      <div class="wire-deeds">
        <button class=${`wire-button${paused.value ? " wire-paused" : ""}`} onClick=${() => pause(!paused.value)}>
          ${paused.value ? "Go on" : "Pause"}
        </button>
        <button class="wire-button" onClick=${clear}>Clear</button>
      </div>
    </div>
  `;
}
