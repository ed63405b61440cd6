// The form of a new group or channel.
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { bots, people } from "./accounts.js";
import { create, resolve } from "./actions.js";
import { Modal } from "./modal.js";

const NAMES = { group: "New basic group", supergroup: "New group", channel: "New channel" };

export function newChat(pane, account, kind) {
  const close = () => (pane.over.value = null);
  pane.over.value = () => html`<${Form} pane=${pane} account=${account} kind=${kind} close=${close} />`;
}

function Form({ pane, account, kind, close }) {
  const [busy, setBusy] = useState(false);
  // Who has no username cannot be found by others, in Telegram as here.
  const found = [...(people.value ?? []), ...bots.value].filter(({ id, username }) => username && id !== account.id);
  const submit = async (event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    setBusy(true);
    const users = [];
    for (const username of given.getAll("member")) {
      const id = await resolve(pane, account, username);
      if (id !== undefined) users.push(id);
    }
    const made = await create(pane, account, { kind, title: given.get("title"), about: given.get("about") ?? "", users });
    setBusy(false);
    if (made !== undefined) close();
  };
  return html`
    <${Modal} title=${NAMES[kind]} close=${close}>
      <form class="form" onSubmit=${submit}>
        <label>Title <input name="title" required maxlength="128" autofocus /></label>
        ${kind !== "group" && html`<label>Description <input name="about" maxlength="255" /></label>`}
        ${kind !== "channel" &&
        html`
          <fieldset>
            <legend>Members</legend>
            ${found.map(
              ({ id, name, username }) => html`
                <label key=${id} class="form-check">
                  <input type="checkbox" name="member" value=${username} /> ${name} <span class="quiet">@${username}</span>
                </label>
              `,
            )}
            ${found.length === 0 && html`<p class="quiet">Nobody else here has a username.</p>`}
          </fieldset>
        `}
        <footer class="modal-foot">
          <button type="button" class="button button-plain" onClick=${close}>Cancel</button>
          <button class="button" disabled=${busy}>Create</button>
        </footer>
      </form>
    </${Modal}>
  `;
}
