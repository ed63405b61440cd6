// What is kept of what was done: a recording that becomes a test, and steps to go back to.
import { signal } from "@preact/signals";
import { html } from "../html.js";
import { attempt, clock, recording, steps } from "./state.js";

const name = signal("what_was_done");
const saved = signal(null);
const copied = signal(false);

async function save() {
  copied.value = false;
  saved.value = (await attempt("save_test", { name: name.value })) ?? null;
}

async function copy() {
  await navigator.clipboard.writeText(saved.value.text);
  copied.value = true;
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([saved.value.text], { type: "text/x-python" }));
  link.download = saved.value.file;
  link.click();
  URL.revokeObjectURL(link.href);
}

function Saved() {
  if (saved.value === null) return null;
  const { file, text, left_out } = saved.value;
  return html`
    ${left_out.length > 0 &&
    html`<p class="stage-problem" role="alert">Not in the test, as its comments say: ${left_out.join("; ")}</p>`}
    <div class="stage-row">
      <button class="stage-button" onClick=${download}>Download ${file}</button>
      <button class="stage-button" onClick=${copy}>${copied.value ? "Copied" : "Copy"}</button>
      <button class="stage-link" onClick=${() => (saved.value = null)}>Close</button>
    </div>
    <pre class="stage-code" tabindex="0" aria-label="The test">${text}</pre>
  `;
}

export function Recording() {
  return html`
    <section class="stage-part" aria-label="Save as test">
      <h3>Save as test</h3>
      <p class="stage-note" role="status">
        ${recording.value.steps} steps are recorded since ${clock(recording.value.since ?? 0)}.
      </p>
      <div class="stage-row">
        <label class="stage-field wide">Name
          <input value=${name.value} spellcheck="false" onInput=${(event) => (name.value = event.target.value)} />
        </label>
        <button class="stage-button" disabled=${!recording.value.steps} onClick=${save}>Save as test</button>
        <button class="stage-button" onClick=${() => attempt("record_anew")}>Record anew</button>
      </div>
      <${Saved} />
    </section>
  `;
}

export function Steps() {
  const { steps: list, files, too_large } = steps.value;
  return html`
    <section class="stage-part" aria-label="Start over from here">
      <h3>Start over from here</h3>
      <p class="stage-note">
        ${files
          ? "The sandbox and the bot’s files go back to how they were; the bot is killed and started again."
          : "Only the sandbox goes back: a bot that this page did not start keeps what it knows, and is ahead of it."}
      </p>
      ${too_large && html`<p class="stage-note">There are too many accounts or messages now for another step.</p>`}
      ${!list.length && !too_large && html`<p class="stage-note">Nothing was done yet.</p>`}
      <ol class="stage-list" aria-label="Steps">
        ${[...list].reverse().map(
          ({ id, what, date }) => html`
            <li key=${id}>
              <span>${clock(date)} ${what}</span>
              <button class="stage-link" aria-label=${`Start over before: ${what}`} onClick=${() => attempt("go_back", { step: id })}>
                Before this
              </button>
            </li>
          `,
        )}
      </ol>
    </section>
  `;
}
