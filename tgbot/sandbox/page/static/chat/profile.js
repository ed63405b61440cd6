// The profile of a person, a bot, a group or a channel.
import { html } from "../html.js";
import { block, sendText } from "./actions.js";
import { Avatar } from "./avatar.js";
import { follow } from "./follow.js";
import { Group } from "./group.js";
import { Modal } from "./modal.js";
import { isUser, kindOf, nameOf, usernameOf } from "./peers.js";
import { copy } from "./menu.js";

export function openProfile(pane, account, id) {
  const close = () => (pane.over.value = null);
  account.refresh(id);
  pane.over.value = () => html`<${Profile} pane=${pane} account=${account} id=${id} close=${close} />`;
}

function Profile({ pane, account, id, close }) {
  const entity = account.entity(id).value;
  const full = account.full(id).value;
  const kind = kindOf(entity);
  const username = usernameOf(entity);
  return html`
    <${Modal} title=${`${kind[0].toUpperCase()}${kind.slice(1)}`} close=${close}>
      <div class="profile">
        <div class="profile-head">
          <${Avatar} id=${id} entity=${entity} size="large" />
          <h3>${nameOf(entity)}</h3>
        </div>
        <dl class="facts">
          ${full?.about && html`<${Fact} name="About" value=${full.about} />`}
          ${full?.bot_info?.description && html`<${Fact} name="Description" value=${full.bot_info.description} />`}
          ${username && html`<${Fact} name="Username" value=${`@${username}`} then=${() => copy(pane, `@${username}`)} />`}
          ${username && html`<${Fact} name="Link" value=${`t.me/${username}`} then=${() => copy(pane, `https://t.me/${username}`)} />`}
          ${entity?.phone && html`<${Fact} name="Phone" value=${`+${entity.phone}`} />`}
          <${Fact} name="Id" value=${String(id)} then=${() => copy(pane, String(id))} />
          ${full?.blocked && html`<${Fact} name="Access" value="You have blocked this account" />`}
        </dl>
        ${isUser(id)
          ? html`<${User} pane=${pane} account=${account} id=${id} entity=${entity} full=${full} close=${close} />`
          : html`<${Group} pane=${pane} account=${account} id=${id} entity=${entity} full=${full} close=${close} />`}
      </div>
    </${Modal}>
  `;
}

/** One fact about somebody; with `then` a click copies it. */
export function Fact({ name, value, then }) {
  return html`
    <div class="fact">
      <dt>${name}</dt>
      <dd>${then ? html`<button class="text-button" aria-label=${`Copy ${value}`} onClick=${then}>${value}</button>` : value}</dd>
    </div>
  `;
}

function User({ pane, account, id, entity, full, close }) {
  const commands = full?.bot_info?.commands ?? [];
  const does = (act) => () => {
    close();
    act();
  };
  return html`
    ${commands.length > 0 &&
    html`
      <h4>Commands</h4>
      <ul class="commands">
        ${commands.map(
          ({ command, description }) => html`
            <li key=${command}>
              <button class="text-button" onClick=${does(() => sendText(pane, account, id, `/${command}`))}>/${command}</button>
              <span>${description}</span>
            </li>
          `,
        )}
      </ul>
    `}
    ${id !== account.id &&
    html`
      <footer class="modal-foot">
        ${entity?.bot && !entity.bot_nochats && usernameOf(entity) &&
        html`
          <button class="button button-plain" onClick=${does(() => follow(pane, account, `t.me/${usernameOf(entity)}?startgroup=`))}>
            Add to a group
          </button>
        `}
        <button
          class=${full?.blocked ? "button button-plain" : "button button-danger"}
          onClick=${does(() => block(pane, account, id, !full?.blocked))}
        >
          ${full?.blocked ? "Unblock" : entity?.bot ? "Stop and block" : "Block"}
        </button>
        ${pane.open.value !== id && html`<button class="button" onClick=${does(() => pane.go(id))}>Message</button>`}
      </footer>
    `}
  `;
}
