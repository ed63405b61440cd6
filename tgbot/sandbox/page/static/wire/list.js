// The list of rows: only those in view are in the page, so that 10,000 scroll smoothly.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { load, loadOlder, placeOf, rows } from "./feed.js";
import { close, entry, select, selected } from "./entry.js";
import { arrowOf, clock, duration, kindOf, size } from "./words.js";

/** The height of a row in pixels, as in wire.css. */
const HEIGHT = 44;
/** Rows above and below the view that are in the page, too. */
const SPARE = 8;

export function List() {
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  // Whether the end is in view: then it stays in view when rows come.
  const atEnd = useRef(true);
  const all = rows.value;

  useLayoutEffect(() => {
    const watcher = new ResizeObserver(() => setHeight(box.current?.clientHeight ?? 600));
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);

  useLayoutEffect(() => {
    if (atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [all, height]);

  // What was chosen elsewhere, such as the call of an answer, comes into view.
  useLayoutEffect(() => {
    const place = selected.value === null ? -1 : placeOf(selected.value);
    if (place < 0) return;
    const { scrollTop, clientHeight } = box.current;
    if (place * HEIGHT < scrollTop) box.current.scrollTop = place * HEIGHT;
    else if ((place + 1) * HEIGHT > scrollTop + clientHeight) box.current.scrollTop = (place + 1) * HEIGHT - clientHeight;
  }, [selected.value, height]);

  async function onScroll() {
    const { scrollTop, clientHeight, scrollHeight } = box.current;
    atEnd.current = scrollTop + clientHeight >= scrollHeight - HEIGHT / 2;
    setTop(scrollTop);
    if (scrollTop < HEIGHT * 4) {
      const before = await loadOlder();
      if (before && box.current) box.current.scrollTop += before * HEIGHT;
    }
  }

  function onKeyDown(event) {
    const page = Math.max(1, Math.floor(height / HEIGHT) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -all.length, End: all.length }[event.key];
    if (event.key === "Escape") close();
    if (step === undefined || all.length === 0) return;
    event.preventDefault();
    const here = selected.value === null ? (step > 0 ? -1 : all.length) : placeOf(selected.value);
    let next = Math.min(all.length - 1, Math.max(0, here + step));
    if (all[next].gap) next = Math.min(all.length - 1, Math.max(0, next + Math.sign(step)));
    if (!all[next].gap) select(all[next].number);
  }

  const first = Math.max(0, Math.floor(top / HEIGHT) - SPARE);
  const last = Math.min(all.length, Math.ceil((top + height) / HEIGHT) + SPARE);
  const chosen = selected.value === null ? -1 : placeOf(selected.value);
  return html`
    <div
      class="wire-list"
      ref=${box}
      role="listbox"
      tabindex="0"
      aria-label="Messages on the wire"
      aria-activedescendant=${chosen >= first && chosen < last ? `wire-${selected.value}` : undefined}
      onScroll=${onScroll}
      onKeyDown=${onKeyDown}
    >
      <div class="wire-rows" role="presentation" style=${{ height: `${all.length * HEIGHT}px` }}>
        ${all.slice(first, last).map(
          (row, index) => html`
            <${row.gap ? Gap : Row}
              key=${row.number}
              row=${row}
              took=${row.took}
              place=${first + index}
              count=${all.length}
              chosen=${row.number === selected.value}
            />
          `,
        )}
      </div>
    </div>
    ${all.length > 0 && !atEnd.current && html`<button class="wire-end" onClick=${toEnd}>Newest ↓</button>`}
  `;

  function toEnd() {
    atEnd.current = true;
    box.current.scrollTop = box.current.scrollHeight;
  }
}

function Row({ row, took, place, count, chosen }) {
  const related = entry.value !== null && (entry.value.call === row.number || entry.value.answer === row.number);
  return html`
    <div
      id=${`wire-${row.number}`}
      class=${`wire-row wire-${row.kind}${related ? " wire-related" : ""}`}
      role="option"
      aria-selected=${chosen}
      aria-setsize=${count}
      aria-posinset=${place + 1}
      style=${{ top: `${place * HEIGHT}px` }}
      onClick=${() => select(row.number)}
    >
      <span class="wire-arrow" aria-hidden="true">${arrowOf(row)}</span>
      <span class="wire-cell">
        <span class="wire-name">
          <span class="unseen">${kindOf(row)} ${row.out ? "to" : "of"} ${row.who}: </span>
          ${row.kind === "answer" && row.method && html`<span class="wire-quiet">${row.method} </span>`}
          <span class=${row.error ? "wire-bad" : ""}>${row.name}</span>
        </span>
        ${row.fault && html`<span class="wire-fault" title=${row.fault}>${row.fault}</span>`}
        <span class="wire-took">${duration(took)}</span>
      </span>
      <span class="wire-cell">
        <span class="wire-text">
          ${row.who && html`<span class="wire-who">${row.who}</span>`}
          ${row.about && row.about !== row.who && html` <span>${row.out ? "from" : "to"} ${row.about}</span>`}
          ${row.text && html` <span>${row.text}</span>`}
        </span>
        <span class="wire-when">${row.size > 0 && `${size(row.size)} · `}${clock(row.time)}</span>
      </span>
    </div>
  `;
}

function Gap({ row, place, count }) {
  return html`
    <div
      class="wire-row wire-gap"
      role="option"
      aria-selected="false"
      aria-setsize=${count}
      aria-posinset=${place + 1}
      style=${{ top: `${place * HEIGHT}px` }}
      onClick=${load}
    >
      ${row.gap.toLocaleString("en")} more came at once and were left out. Load the last ones.
    </div>
  `;
}
