// One message of the wire, with all that is known about it.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { ask, on } from "../link.js";
import { Tree } from "./tree.js";
import { clock, duration, kindOf, size } from "./words.js";

/** The number of the row that was chosen, null for none. */
export const selected = signal(null);
/** All about it, null until it is there. */
export const entry = signal(null);
/** Why it cannot be shown, "" if it can. */
export const trouble = signal("");

/** Choose a row, and load all about it. */
export async function select(number) {
  selected.value = number;
  trouble.value = "";
  try {
    const told = await ask("wire-entry", { number });
    if (selected.value === number) entry.value = told;
  } catch (error) {
    if (selected.value !== number) return;
    entry.value = null;
    trouble.value = error.message;
  }
}

/** Choose no row. */
export function close() {
  selected.value = null;
  entry.value = null;
  trouble.value = "";
}

on("wire-cleared", close);

export function Entry() {
  const shown = entry.value;
  if (shown === null) {
    return trouble.value && html`<section class="wire-entry"><p class="wire-note" role="alert">${trouble.value}</p></section>`;
  }
  const facts = [
    ["Time", clock(shown.time)],
    ["Took", duration(shown.took)],
    ["Account", shown.who],
    ["Size", shown.size ? size(shown.size) : ""],
    ["msg_id", shown.msg_id],
    ["seq_no", shown.msg_id ? shown.seq_no : ""],
    ["Session", shown.session],
    ["Auth key", shown.key],
    ["Layer", shown.layer || ""],
    ["Data centre", shown.key || shown.kind === "connection" ? shown.dc : ""],
    ["Error", shown.error],
    ["Fault", shown.fault],
  ].filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return html`
    <section class="wire-entry" aria-label=${`${kindOf(shown)} ${shown.name}`}>
      <header class="wire-head">
        <h3 class="wire-title"><span class="wire-quiet">${kindOf(shown)}</span> ${shown.name}</h3>
        ${shown.call && html`<button class="wire-button" onClick=${() => select(shown.call)}>Its call</button>`}
        ${shown.answer && html`<button class="wire-button" onClick=${() => select(shown.answer)}>Its answer</button>`}
        <${Copy} key=${shown.number} shown=${shown} />
        <button class="wire-button" aria-label="Close the details" onClick=${close}>✕</button>
      </header>
      <dl class="wire-facts">
        ${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
      </dl>
      ${shown.value !== null && html`<${Tree} key=${shown.number} value=${shown.value} />`}
      ${shown.value === null && shown.text && html`<p class="wire-note">${shown.text}</p>`}
    </section>
  `;
}

function Copy({ shown }) {
  const [said, setSaid] = useState("Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(JSON.stringify(shown.value ?? shown, null, 2));
      setSaid("Copied");
    } catch {
      setSaid("Not allowed");
    }
  }
  return html`<button class="wire-button" aria-live="polite" title="Copy the message as JSON" onClick=${copy}>${said}</button>`;
}
