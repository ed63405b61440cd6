// The bot's process, and the count of what is lost and said twice.
import { html } from "../html.js";
import { signal } from "@preact/signals";
import { aimed, attempt, bot, bots, clock, count } from "./state.js";

const busy = signal("");

async function act(name) {
  busy.value = name;
  await attempt(name);
  busy.value = "";
}

function Button({ name, children, danger = false, disabled = false }) {
  return html`
    <button class=${danger ? "stage-button danger" : "stage-button"} disabled=${disabled || busy.value !== ""}
      aria-busy=${busy.value === name} onClick=${() => act(name)}>${children}</button>
  `;
}

/** Which bot the panel is about, where there are several. */
export function Aim() {
  if (bots.value.length < 2 || bot.value.ours) return null;
  return html`
    <label class="stage-field">
      Bot
      <select value=${count.value.account ?? ""} onChange=${(event) => attempt("aim", { account: Number(event.target.value) })}>
        ${bots.value.map(({ id, name, username }) => html`<option key=${id} value=${id}>${name} @${username}</option>`)}
      </select>
    </label>
  `;
}

export function Process() {
  const { ours, pid, since, killed, ended, lines = [] } = bot.value;
  if (!ours) {
    return html`
      <section class="stage-part" aria-label="The bot">
        <h3>${aimed.value === null ? "No bot yet" : aimed.value.name}</h3>
        <p class="stage-note">
          This page has not started the bot, so it cannot kill it. It can make Telegram fail for it, and count.
        </p>
        <${Aim} />
      </section>
    `;
  }
  return html`
    <section class="stage-part" aria-label="The bot">
      <h3>
        <span class=${pid === null ? "stage-lamp" : "stage-lamp on"} aria-hidden="true"></span>
        ${aimed.value?.name ?? "The bot"}
      </h3>
      <p class="stage-note" role="status">
        ${pid === null ? `Not running, ${ended ?? "not started yet"}.` : `Running since ${clock(since)}, process ${pid}.`}
        ${killed > 0 && ` Killed ${killed === 1 ? "once" : `${killed} times`}.`}
      </p>
      <div class="stage-row">
        <${Button} name="bot_kill" danger disabled=${pid === null}>kill -9<//>
        <${Button} name="bot_start" disabled=${pid !== null}>Start<//>
        <${Button} name="bot_restart">Restart<//>
        <${Button} name="bot_stop" disabled=${pid === null}>Stop<//>
      </div>
      <details class="stage-log">
        <summary>Its log</summary>
        <pre tabindex="0">${lines.join("\n") || "Nothing yet."}</pre>
      </details>
    </section>
  `;
}

function Which({ name, list }) {
  if (!list?.length) return null;
  return html`
    <ul class="stage-list" aria-label=${name}>
      ${list.map(({ who, text, date }) => html`<li><b>${name}</b> ${who}, ${clock(date)}: ${text || "(no text)"}</li>`)}
    </ul>
  `;
}

export function Count() {
  const { account, asked, answers, waiting, unanswered, lost, twice, which_lost, which_twice, since, ours } = count.value;
  if (account === null) return null;
  return html`
    <section class="stage-part" aria-label="The count">
      <p class="stage-count" role="status">
        <span class=${lost ? "bad" : "good"}>${lost} lost</span>, <span class=${twice ? "bad" : "good"}>${twice} twice</span>
      </p>
      <p class="stage-note">
        ${asked} messages to the bot and ${answers} from it since ${clock(since)}.
        ${waiting > 0 && ` ${waiting} wait for an answer.`}
        ${unanswered > 0 && ` To ${unanswered} it had nothing to say.`}
      </p>
      <${Which} name="Lost" list=${which_lost} />
      <${Which} name="Twice" list=${which_twice} />
      <details class="stage-note">
        <summary>What is counted</summary>
        <p>
          Private chats, at the server. A message is answered by the bot’s reply to it, or by its next message in that
          chat; each answers one, in their order. It is lost if something was wrong meanwhile (the bot was killed, its
          link was cut, a fault was on) and it has no answer although the bot ${ours
            ? "says that it has handled everything"
            : "is connected and has been silent for 3 s"}. If nothing was wrong, the bot had nothing to say to it.
          Twice is a send whose random_id became a second message, or the same words again after a kill or a cut link
          without anybody having done anything more.
        </p>
      </details>
      <button class="stage-link" onClick=${() => attempt("count_anew")}>Count anew</button>
    </section>
  `;
}
