// What makes Telegram and the bot fail, what is counted, and what is kept of all that was done.
import { html } from "./html.js";
import { Count, Process } from "./stage/bot.js";
import { Faults } from "./stage/faults.js";
import { Recording, Steps } from "./stage/keep.js";
import { problem } from "./stage/state.js";
import { Storm } from "./stage/storm.js";

export function Stage() {
  return html`
    <aside class="stage" aria-label="The stage">
      ${problem.value &&
      html`
        <p class="stage-problem" role="alert">
          ${problem.value} <button class="stage-link" onClick=${() => (problem.value = "")}>Close</button>
        </p>
      `}
      <${Process} />
      <${Count} />
      <${Faults} />
      <${Storm} />
      <${Recording} />
      <${Steps} />
    </aside>
  `;
}
