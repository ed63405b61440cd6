// The round picture of somebody: the first letters of the name, on the colour of the id.
import { html } from "../html.js";
import { colour, initials, nameOf } from "./peers.js";

export function Avatar({ id, entity, size = "" }) {
  return html`
    <span class=${`avatar ${colour(id)} ${size && `avatar-${size}`}`} aria-hidden="true">
      ${initials(nameOf(entity))}
    </span>
  `;
}
