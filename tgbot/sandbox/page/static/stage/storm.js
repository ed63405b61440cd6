// A storm: many people write while the bot is killed.
import { signal } from "@preact/signals";
import { html } from "../html.js";
import { attempt, bot, storm } from "./state.js";

const plan = signal({ people: 5, seconds: 5, kills: 3, text: "{n} + 1" });

function set(name, value) {
  plan.value = { ...plan.value, [name]: value };
}

function Field({ name, label, max, min = 1 }) {
  return html`
    <label class="stage-field small">${label}
      <input type="number" min=${min} max=${max} value=${plan.value[name]}
        onInput=${(event) => set(name, event.target.valueAsNumber)} />
    </label>
  `;
}

function Result() {
  const { running, what, asked, answers, killed, lost, twice, named, error } = storm.value;
  if (error) return html`<p class="stage-problem" role="alert">${error}</p>`;
  if (running) return html`<p class="stage-note" role="status">${asked} messages, ${killed} kills: ${what} …</p>`;
  if (asked === undefined) return null;
  return html`
    <p class="stage-note" role="status">
      <b class=${lost ? "bad" : "good"}>${lost} lost</b>, <b class=${twice ? "bad" : "good"}>${twice} twice</b>:
      ${" "}${asked} messages, ${answers} answers, ${killed} kills.
      ${named ? " Each answer was known by the number in it." : " Answers were counted in each chat."}
    </p>
  `;
}

export function Storm() {
  const { ours } = bot.value;
  const send = () => attempt("storm", { ...plan.value, kills: ours ? plan.value.kills : 0 });
  return html`
    <section class="stage-part" aria-label="A storm">
      <h3>Storm</h3>
      <div class="stage-row">
        <${Field} name="people" label="People" max="100" />
        <${Field} name="seconds" label="Seconds" max="300" />
        ${ours && html`<${Field} name="kills" label="Kills" min="0" max="100" />`}
      </div>
      <div class="stage-row">
        <label class="stage-field wide">What they write; {n} is a number
          <input value=${plan.value.text} onInput=${(event) => set("text", event.target.value)} />
        </label>
        <button class="stage-button" disabled=${storm.value.running} onClick=${send}>Let them write</button>
      </div>
      <${Result} />
    </section>
  `;
}
