// What comes over a pane: dialogs, menus, and notices.
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { html } from "../html.js";
import { Icon, IconButton } from "./icons.js";

/** A dialog over the page: the browser keeps the focus in it, and gives it back at the end. */
export function Modal({ title, close, wide = false, children }) {
  const self = useRef(null);
  useEffect(() => {
    self.current.showModal();
  }, []);
  return html`
    <dialog
      ref=${self}
      class=${wide ? "modal modal-wide" : "modal"}
      aria-label=${title}
      onCancel=${(event) => {
        event.preventDefault();
        close();
      }}
      onClick=${(event) => event.target === self.current && close()}
    >
      <div class="modal-inside">
        <header class="modal-head">
          <h2>${title}</h2>
          <${IconButton} name="close" label="Close" onClick=${close} />
        </header>
        ${children}
      </div>
    </dialog>
  `;
}

/** Ask before something is done: `text`, and a button named `does`. */
export function confirm(pane, { title, text, does, danger = false, then }) {
  const close = () => (pane.over.value = null);
  pane.over.value = () => html`
    <${Modal} title=${title} close=${close}>
      <p class="modal-text">${text}</p>
      <footer class="modal-foot">
        <button class="button button-plain" onClick=${close}>Cancel</button>
        <button
          class=${danger ? "button button-danger" : "button"}
          autofocus
          onClick=${() => {
            close();
            then();
          }}
        >
          ${does}
        </button>
      </footer>
    </${Modal}>
  `;
}

/** Show an alert: a text that stays until it is closed. */
export function alert(pane, title, text) {
  const close = () => (pane.over.value = null);
  pane.over.value = () => html`
    <${Modal} title=${title} close=${close}>
      <p class="modal-text">${text}</p>
      <footer class="modal-foot"><button class="button" autofocus onClick=${close}>OK</button></footer>
    </${Modal}>
  `;
}

/** Move the focus among the elements of a list with the arrow keys; return whether the key was one of them. */
export function rove(event, selector) {
  const keys = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
  const by = keys[event.key];
  if (by === undefined) return false;
  const all = [...event.currentTarget.querySelectorAll(selector)];
  if (all.length === 0) return false;
  const now = all.indexOf(document.activeElement);
  const next = now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + by, 0), all.length - 1);
  all[next].focus();
  event.preventDefault();
  return true;
}

/**
 * Open a menu at a place: `items` are {name, icon, does, danger}, and false for what is left out. `extra` is
 * shown above them.
 */
export function openMenu(pane, event, items, extra = null) {
  event.preventDefault();
  event.stopPropagation();
  const from = document.activeElement;
  const box = event.currentTarget.getBoundingClientRect();
  const pointed = event.type === "contextmenu" && event.clientX > 0;
  const at = pointed ? { x: event.clientX, y: event.clientY } : { x: box.right, y: box.bottom };
  const close = (back = true) => {
    pane.over.value = null;
    if (back && from instanceof HTMLElement) from.focus();
  };
  pane.over.value = () => html`<${Menu} at=${at} items=${items.filter(Boolean)} close=${close} extra=${extra} />`;
}

function Menu({ at, items, close, extra }) {
  const self = useRef(null);
  useLayoutEffect(() => {
    const menu = self.current;
    const { width, height } = menu.getBoundingClientRect();
    menu.style.left = `${Math.max(8, Math.min(at.x, innerWidth - width - 8))}px`;
    menu.style.top = `${Math.max(8, Math.min(at.y, innerHeight - height - 8))}px`;
    menu.querySelector("[role=menuitem]")?.focus();
    const outside = (event) => menu.contains(event.target) || close(false);
    addEventListener("pointerdown", outside, true);
    return () => removeEventListener("pointerdown", outside, true);
  }, []);
  return html`
    <div
      ref=${self}
      class="menu"
      role="menu"
      onKeyDown=${(event) => {
        if (event.key === "Escape" || event.key === "Tab") {
          event.preventDefault();
          close();
        } else rove(event, "[role=menuitem]");
      }}
    >
      ${extra?.(close)}
      ${items.map(
        ({ name, icon, does, danger }) => html`
          <button
            key=${name}
            role="menuitem"
            tabindex="-1"
            class=${danger ? "menu-item menu-danger" : "menu-item"}
            onClick=${() => {
              close();
              does();
            }}
          >
            <${Icon} name=${icon} />${name}
          </button>
        `,
      )}
    </div>
  `;
}

/** The notices of a pane: errors are said at once, others when there is time. */
export function Notices({ pane }) {
  return html`
    <div class="notices" aria-live="polite">
      ${pane.notices.value.map(
        ({ id, text, name, kind }) => html`
          <div key=${id} class=${`notice notice-${kind}`} role=${kind === "error" ? "alert" : undefined}>
            <p>${text}${name && html` <code class="notice-name">${name}</code>`}</p>
            <${IconButton} name="close" label="Close this notice" onClick=${() => pane.unsay(id)} />
          </div>
        `,
      )}
    </div>
  `;
}
