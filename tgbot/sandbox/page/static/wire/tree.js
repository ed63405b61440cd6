// TL JSON as a tree that folds, with the names of constructors.
import { useState } from "preact/hooks";
import { html } from "../html.js";

/** Longer lists and deeper objects are folded at first. */
const LONG = 20;
const DEEP = 5;
/** The most items of a list that are shown at once. */
const MOST = 200;

export function Tree({ value }) {
  return html`<div class="wire-tree"><${Node} value=${value} depth=${0} /></div>`;
}

function Node({ name, value, depth }) {
  const inner = value !== null && typeof value === "object";
  const items = inner ? entriesOf(value) : [];
  const [open, setOpen] = useState(depth < DEEP && items.length <= LONG);
  const [most, setMost] = useState(MOST);
  const label = name === undefined ? "" : html`<span class="wire-key">${name}</span>`;
  if (!inner) return html`<div class="wire-leaf">${label} <${Leaf} value=${value} /></div>`;
  const title = Array.isArray(value) ? `${value.length} ${value.length === 1 ? "item" : "items"}` : value._;
  if (items.length === 0) return html`<div class="wire-leaf">${label} <span class="wire-type">${title ?? "{}"}</span></div>`;
  return html`
    <details class="wire-node" open=${open} onToggle=${(event) => setOpen(event.currentTarget.open)}>
      <summary>${label} <span class="wire-type">${title ?? ""}</span></summary>
      ${open && items.slice(0, most).map(([key, item]) => html`<${Node} key=${key} name=${key} value=${item} depth=${depth + 1} />`)}
      ${open &&
      items.length > most &&
      html`<button class="wire-button" onClick=${() => setMost(most + MOST)}>${items.length - most} more</button>`}
    </details>
  `;
}

function entriesOf(value) {
  return Array.isArray(value) ? value.map((item, index) => [index, item]) : Object.entries(value).filter(([key]) => key !== "_");
}

function Leaf({ value }) {
  if (typeof value === "string") return html`<span class="wire-string">${JSON.stringify(value)}</span>`;
  return html`<span class="wire-number">${String(value)}</span>`;
}
