// A poll or a quiz in a message.
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { vote } from "./actions.js";
import { count } from "./words.js";

export function Poll({ pane, account, dialog, message, tab }) {
  const { poll, results } = account.poll(message.media.poll.id).value ?? message.media;
  const [ticked, setTicked] = useState([]);
  const voters = new Map((results?.results ?? []).map((each) => [each.option, each]));
  const voted = [...voters.values()].some((each) => each.chosen);
  const total = results?.total_voters ?? 0;
  const send = (options) => vote(pane, account, dialog.id, message, options);
  const kind = [poll.public_voters ? "Public" : "Anonymous", poll.quiz ? "quiz" : "poll"].join(" ");
  const open = !poll.closed && !voted;
  return html`
    <div class="poll" role="group" aria-label=${`${kind}: ${poll.question.text}`}>
      <strong class="poll-question">${poll.question.text}</strong>
      <span class="poll-kind">${poll.closed ? "Final results" : kind}</span>
      ${poll.answers.map(({ text, option }) => {
        if (open && poll.multiple_choice) {
          const toggle = () =>
            setTicked(ticked.includes(option) ? ticked.filter((each) => each !== option) : [...ticked, option]);
          return html`
            <label key=${option} class="poll-tick">
              <input type="checkbox" checked=${ticked.includes(option)} tabindex=${tab} onChange=${toggle} /> ${text.text}
            </label>
          `;
        }
        if (open) {
          return html`<button key=${option} class="poll-option" tabindex=${tab} onClick=${() => send([option])}>${text.text}</button>`;
        }
        const { voters: votes = 0, chosen, correct } = voters.get(option) ?? {};
        const share = total > 0 ? Math.round((votes / total) * 100) : 0;
        const mark = correct ? " ✓ right" : chosen && poll.quiz ? " ✗ wrong" : chosen ? " ✓" : "";
        return html`
          <div key=${option} class="poll-result">
            <span class="poll-share">${share}%</span>
            <span>${text.text}${mark}</span>
            <meter class="poll-meter" min="0" max="100" value=${share} aria-label=${`${text.text}: ${count(votes, "vote")}`}></meter>
          </div>
        `;
      })}
      ${open && poll.multiple_choice &&
      html`<button class="text-button" tabindex=${tab} disabled=${ticked.length === 0} onClick=${() => send(ticked)}>Vote</button>`}
      ${results?.solution && voted && html`<p class="poll-kind">${results.solution}</p>`}
      <span class="poll-kind">
        ${total === 0 ? "No votes yet" : count(total, "vote")}
        ${voted && !poll.closed && !poll.quiz && !poll.revoting_disabled &&
        html` · <button class="text-button" tabindex=${tab} onClick=${() => send([])}>Take back</button>`}
      </span>
    </div>
  `;
}
