// A message's text with its entities, as elements.
import { useState } from "preact/hooks";
import { html } from "../html.js";

/** The order in which entities at the same place enclose each other: blocks are outside, links inside. */
const OUTSIDE = { messageEntityBlockquote: 0, messageEntityPre: 1, messageEntitySpoiler: 2 };

const rank = (entity) => OUTSIDE[entity._] ?? 3;

/**
 * Return the elements of a text. Offsets are in UTF-16 units, which are JavaScript's, too. `act` does what a
 * click asks for: link, mention, person, hashtag, command; `tab` is the tabindex of what can be clicked.
 */
export function elements(text, entities, act, tab) {
  if (!entities?.length) return text;
  const sorted = entities.toSorted((a, b) => a.offset - b.offset || b.length - a.length || rank(a) - rank(b));
  return within(text, 0, text.length, sorted, act, tab);
}

/** Return the elements of one part of a text. Entities that cross its end are cut there. */
function within(text, start, end, entities, act, tab) {
  const parts = [];
  let at = start;
  let rest = entities.slice();
  while (rest.length > 0) {
    const [entity, ...others] = rest;
    const [from, to] = [Math.max(entity.offset, at), Math.min(entity.offset + entity.length, end)];
    if (from >= end || to <= from) {
      rest = others;
      continue;
    }
    if (from > at) parts.push(text.slice(at, from));
    const inside = others.filter((other) => other.offset < to);
    const content = within(text, from, to, inside, act, tab);
    parts.push(element(entity, text.slice(from, to), content, act, tab));
    at = to;
    rest = others;
  }
  if (at < end) parts.push(text.slice(at, end));
  return parts;
}

function element(entity, text, content, act, tab) {
  const link = (does, href) => html`
    <a
      class="link"
      href=${href ?? "#"}
      tabindex=${tab}
      onClick=${(event) => {
        event.preventDefault();
        event.stopPropagation();
        does();
      }}
      >${content}</a
    >
  `;
  switch (entity._) {
    case "messageEntityBold":
      return html`<strong>${content}</strong>`;
    case "messageEntityItalic":
      return html`<em>${content}</em>`;
    case "messageEntityUnderline":
      return html`<u>${content}</u>`;
    case "messageEntityStrike":
      return html`<s>${content}</s>`;
    case "messageEntityCode":
      return html`<code>${content}</code>`;
    case "messageEntityPre":
      return html`<${Pre} language=${entity.language} text=${text} tab=${tab} />`;
    case "messageEntityBlockquote":
      return html`<${Quote} collapsed=${entity.collapsed} tab=${tab}>${content}</${Quote}>`;
    case "messageEntitySpoiler":
      return html`<${Spoiler} tab=${tab}>${content}</${Spoiler}>`;
    case "messageEntityUrl":
      return link(() => act.link(text), withScheme(text));
    case "messageEntityTextUrl":
      return link(() => act.link(entity.url), withScheme(entity.url));
    case "messageEntityEmail":
      return link(() => act.link(`mailto:${text}`));
    case "messageEntityPhone":
      return link(() => act.link(`tel:${text}`));
    case "messageEntityMention":
      return link(() => act.mention(text.slice(1)));
    case "messageEntityMentionName":
      return link(() => act.person(entity.user_id));
    case "messageEntityHashtag":
    case "messageEntityCashtag":
      return link(() => act.hashtag(text));
    case "messageEntityBotCommand":
      return link(() => act.command(text));
    case "messageEntityDiffInsert":
      return html`<ins>${content}</ins>`;
    case "messageEntityDiffDelete":
      return html`<del>${content}</del>`;
    default:
      return html`<span>${content}</span>`;
  }
}

/** Return an address for an href, which browsers show and copy; a wrong one leads nowhere. */
function withScheme(address) {
  const full = /^[a-z][a-z0-9+.-]*:/i.test(address) ? address : `https://${address}`;
  return /^(?:https?|mailto|tel|tg):/i.test(full) ? full : "#";
}

function Pre({ language, text, tab }) {
  return html`
    <span class="pre">
      ${language && html`<span class="pre-language">${language}</span>`}
      <code tabindex=${tab} role="group" aria-label=${language ? `Code in ${language}` : "Code"}>${text}</code>
    </span>
  `;
}

function Quote({ collapsed, tab, children }) {
  const [open, setOpen] = useState(!collapsed);
  return html`
    <span class=${`quote ${open ? "" : "quote-folded"}`} role="blockquote">
      <span class="quote-text">${children}</span>
      ${collapsed &&
      html`
        <button class="quote-more" tabindex=${tab} aria-expanded=${open} onClick=${() => setOpen(!open)}>
          ${open ? "Less" : "More"}
        </button>
      `}
    </span>
  `;
}

function Spoiler({ tab, children }) {
  const [open, setOpen] = useState(false);
  if (open) return html`<span class="spoiler spoiler-open">${children}</span>`;
  const reveal = (event) => {
    event.preventDefault();
    event.stopPropagation();
    setOpen(true);
  };
  return html`
    <span
      class="spoiler"
      role="button"
      tabindex=${tab}
      aria-label="Hidden text: show it"
      onClickCapture=${reveal}
      onKeyDown=${(event) => (event.key === "Enter" || event.key === " ") && reveal(event)}
    >
      <span class="spoiler-text" aria-hidden="true" inert>${children}</span>
    </span>
  `;
}
