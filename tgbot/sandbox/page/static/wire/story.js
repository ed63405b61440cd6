// The story of a message: the update that brought it to the bot, the bot's calls because of it, and all the times.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { html } from "../html.js";
import { ask } from "../link.js";
import { reveal } from "../panels.js";
import { select, selected } from "./entry.js";
import { duration } from "./words.js";

/** The message whose story is shown, with its `stories` once they are there; null for none. */
export const message = signal(null);

/** Show the story of a message in the panel: whose chat, the marked id of the chat, and the message's id there. */
export async function showMessage(account, peer, id) {
  reveal("wire");
  const asked = { account, peer, message: id };
  message.value = { ...asked, stories: null, note: "" };
  try {
    const told = await ask("wire-story", asked);
    if (isShown(asked)) message.value = { ...asked, ...told };
  } catch (error) {
    if (isShown(asked)) message.value = { ...asked, stories: [], note: error.message };
  }
}

function isShown({ account, peer, message: id }) {
  const now = message.value;
  return now !== null && now.account === account && now.peer === peer && now.message === id;
}

/** Show no story. */
export function closeStory() {
  message.value = null;
}

addEventListener("show-message", ({ detail }) => showMessage(detail.account, detail.peer, detail.id));

export function Stories() {
  const shown = message.value;
  const title = useRef(null);
  // Who came here by the menu of a message goes on here.
  useEffect(() => title.current?.focus(), [shown?.account, shown?.peer, shown?.message]);
  if (shown === null) return null;
  return html`
    <section class="wire-story" aria-label="What happened with a message" aria-busy=${shown.stories === null}>
      <header class="wire-head">
        <h3 class="wire-title" ref=${title} tabindex="-1">What happened with this message</h3>
        <button class="wire-button" onClick=${() => showMessage(shown.account, shown.peer, shown.message)}>Look again</button>
        <button class="wire-button" onClick=${closeStory}>All messages</button>
      </header>
      ${shown.note && html`<p class="wire-note" role="status">${shown.note}</p>`}
      ${(shown.stories ?? []).map((story, index) => html`<${Story} key=${index} story=${story} />`)}
      ${shown.stories?.some(({ calls }) => calls.some(({ sure }) => !sure)) &&
      html`<p class="wire-note">Probably: the call is about this chat, and came before the chat's next update.</p>`}
    </section>
  `;
}

function Story({ story }) {
  const { cause, update, calls, first, seen, sandbox, bot, press } = story;
  const ends = calls.map(({ at, took }) => at + (took ?? 0));
  const whole = Math.max(0.001, update?.at ?? 0, ...ends);
  return html`
    <article class="wire-tale">
      <h4 class="wire-subtitle">${press ? `A press of a button, and ${bot.name}` : bot.name}</h4>
      <p class="wire-times">${timesOf({ first, seen, sandbox, calls, update })}</p>
      <ol class="wire-fall">
        ${cause &&
        html`<${Line}
          number=${cause.number}
          name=${`${cause.who}: ${cause.name}`}
          what=${press ? "pressed the button" : "sent the message"}
          start=${cause.at}
          end=${update?.at ?? cause.at}
          whole=${whole}
          kind="cause"
        />`}
        ${update &&
        html`<${Line}
          number=${update.number}
          name=${update.name}
          what=${update.late ? "fetched in a difference" : `pushed to session ${update.session}`}
          more=${update.fault || update.summary}
          start=${update.at}
          end=${calls.length ? Math.max(update.at, calls[0].at) : update.at}
          whole=${whole}
          kind="bot"
        />`}
        ${calls.map(
          (call) => html`<${Line}
            key=${call.number}
            number=${call.number}
            name=${call.name}
            what=${call.took === null ? "no answer yet" : `took ${duration(call.took)}`}
            more=${[call.error, call.fault].filter(Boolean).join(", ") || call.summary}
            bad=${Boolean(call.error)}
            why=${call.why}
            sure=${call.sure}
            chosen=${call.chosen}
            start=${call.at}
            end=${call.at + (call.took ?? 0)}
            whole=${whole}
            kind="call"
          />`,
        )}
      </ol>
    </article>
  `;
}

/** Return in a sentence how long the answer took, and where. */
function timesOf({ first, seen, sandbox, calls, update }) {
  if (first === undefined) {
    if (calls.length > 0) return "The bot has called, but said nothing.";
    return update ? "The bot got it, and has made no call because of it." : "";
  }
  const own = Math.max(0, seen - sandbox);
  return `Answered after ${duration(seen)}: ${duration(own)} in the bot, ${duration(sandbox)} in the sandbox.`;
}

function Line({ number, name, what, more = "", bad = false, why = "", sure = true, chosen = false, start, end, whole, kind }) {
  const left = (start / whole) * 100;
  const width = ((end - start) / whole) * 100;
  return html`
    <li>
      <button class=${`wire-line${chosen ? " wire-chosen" : ""}`} aria-pressed=${selected.value === number} onClick=${() => select(number)}>
        <span class="wire-line-name">${name}</span>
        <span class="wire-line-when">+${duration(start) || "0 µs"}</span>
        <span class="wire-line-what">
          ${what}${more && html` · <span class=${bad ? "wire-bad" : ""}>${more}</span>`}
        </span>
        <span class=${`wire-why${sure ? " wire-sure" : ""}`} title=${why}>${why && (sure ? "certain" : "probably")}</span>
        <span class="wire-track" aria-hidden="true">
          <span
            class=${`wire-bar wire-bar-${kind}${sure ? "" : " wire-bar-unsure"}`}
            style=${{ left: `${Math.min(left, 99)}%`, width: `max(3px, ${Math.max(0, Math.min(width, 100 - left))}%)` }}
          ></span>
        </span>
        ${why && sure && html`<span class="wire-line-what">${why}</span>`}
      </button>
    </li>
  `;
}
