// Telegram fails: buttons with values that can be changed, the faults that are on, and typed commands.
import { signal } from "@preact/signals";
import { html } from "../html.js";
import { aimed, attempt, clock, commands, faults } from "./state.js";

const SEND = "messages.sendMessage";
// `line` is a command of the sandbox; BOT stands for the account, {name} for a value.
const PRESETS = [
  { name: "Flood wait", line: `fail {method} 420 FLOOD_WAIT_{seconds} times={times} account=BOT`, values: { seconds: 5, times: 1, method: SEND } },
  { name: "Error 500", line: `fail {method} 500 INTERNAL times={times} account=BOT`, values: { times: 3, method: SEND } },
  { name: "Lose an answer", line: `lose-answer {method} times={times} account=BOT`, values: { times: 1, method: SEND } },
  { name: "Delay answers", line: `delay {seconds} account=BOT`, values: { seconds: 2 } },
  { name: "Cut the link", line: `drop BOT`, values: {} },
  { name: "Refuse connections", line: `refuse {seconds}`, values: { seconds: 10 } },
  { name: "Reverse updates", line: `reorder {updates} BOT`, values: { updates: 3 } },
  { name: "Lose updates", line: `lose {updates} BOT`, values: { updates: 3 } },
  { name: "Undecodable update", line: `garble {updates} BOT`, values: { updates: 1 } },
  { name: "Deaf", line: `deafen BOT`, values: {} },
  { name: "Forget its key", line: `kill-keys 404 BOT`, values: {} },
  { name: "Forget random_ids", line: `forget-random-ids BOT`, values: {} },
];
const chosen = signal(Object.fromEntries(PRESETS.map(({ name, values }) => [name, { ...values }])));
const opened = signal("");
const said = signal("");
const typed = signal("");

function lineOf(preset) {
  const line = preset.line.replace("BOT", String(aimed.value?.id ?? ""));
  return line.replace(/\{(\w+)\}/g, (_, name) => chosen.value[preset.name][name]);
}

async function run(line) {
  said.value = "";
  said.value = (await attempt("fault", { line })) ?? "";
}

function set(preset, name, value) {
  chosen.value = { ...chosen.value, [preset]: { ...chosen.value[preset], [name]: value } };
}

function Preset({ preset }) {
  const { name, values } = preset;
  const names = Object.keys(values);
  const open = opened.value === name;
  return html`
    <div class="stage-preset">
      <button class="stage-button" disabled=${aimed.value === null} title=${lineOf(preset)} onClick=${() => run(lineOf(preset))}>
        ${name}${names.includes("seconds") && html` <small>${chosen.value[name].seconds} s</small>`}
      </button>
      ${names.length > 0 &&
      html`
        <button class="stage-more" aria-expanded=${open} aria-label=${`Values of ${name}`}
          onClick=${() => (opened.value = open ? "" : name)}>⋯</button>
      `}
    </div>
  `;
}

function Values() {
  const preset = PRESETS.find(({ name }) => name === opened.value);
  if (preset === undefined) return null;
  return html`
    <div class="stage-values" role="group" aria-label=${`Values of ${preset.name}`}>
      ${Object.entries(preset.values).map(
        ([name, value]) => html`
          <label class=${typeof value === "number" ? "stage-field small" : "stage-field wide"}>${name}
            <input type=${typeof value === "number" ? "number" : "text"} min="1" value=${chosen.value[preset.name][name]}
              onInput=${(event) => set(preset.name, name, event.target.value)} />
          </label>
        `,
      )}
      <code>${lineOf(preset)}</code>
    </div>
  `;
}

function howLong({ left, until }) {
  const parts = [];
  if (left !== null) parts.push(left === 1 ? "once more" : `${left} times more`);
  if (until !== null) parts.push(`until ${clock(until)}`);
  return parts.join(", ");
}

export function Active() {
  if (!faults.value.length) return html`<p class="stage-note">No fault is on.</p>`;
  return html`
    <ul class="stage-list" aria-label="Faults that are on">
      ${faults.value.map(
        (fault) => html`
          <li key=${fault.key}>
            <span>${fault.whom && html`<b>${fault.whom}</b> `}${fault.text} <small>${howLong(fault)}</small></span>
            <button class="stage-link" aria-label=${`End: ${fault.text}`} onClick=${() => attempt("end_fault", { key: fault.key })}>End</button>
          </li>
        `,
      )}
    </ul>
    <button class="stage-link" onClick=${() => run("clear")}>All off</button>
  `;
}

function Typed() {
  const name = typed.value.trim().split(" ")[0];
  const command = commands.value.find((each) => each.name === name);
  const submit = (event) => {
    event.preventDefault();
    if (typed.value.trim()) run(typed.value.trim().replace(/\bBOT\b/g, String(aimed.value?.id ?? "BOT")));
  };
  return html`
    <form class="stage-row" onSubmit=${submit}>
      <label class="stage-field wide">Any command of the sandbox; BOT is the bot
        <input list="stage-commands" value=${typed.value} autocomplete="off" spellcheck="false"
          onInput=${(event) => (typed.value = event.target.value)} />
      </label>
      <datalist id="stage-commands">
        ${commands.value.map((each) => html`<option key=${each.name} value=${each.name}>${each.meaning}</option>`)}
      </datalist>
      <button class="stage-button">Do it</button>
    </form>
    ${command && html`<p class="stage-note"><code>${command.name} ${command.usage}</code>: ${command.meaning}</p>`}
    ${said.value && html`<p class="stage-said" role="status">${said.value}</p>`}
  `;
}

export function Faults() {
  return html`
    <section class="stage-part" aria-label="Faults">
      <h3>Telegram fails</h3>
      <${Active} />
      <div class="stage-presets">${PRESETS.map((preset) => html`<${Preset} key=${preset.name} preset=${preset} />`)}</div>
      <${Values} />
      <${Typed} />
    </section>
  `;
}
