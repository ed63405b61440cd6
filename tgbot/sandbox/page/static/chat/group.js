// What a profile shows of a group or channel: members, admins, invite links, requests to join.
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.js";
import { bots, people } from "./accounts.js";
import { act, decide, invite, promote, remove, resolve } from "./actions.js";
import { Avatar } from "./avatar.js";
import { copy } from "./menu.js";
import { inputChannel, isChannel, nameOf } from "./peers.js";
import { openProfile } from "./profile.js";

const RIGHTS = {
  change_info: "Change the title and photo",
  post_messages: "Post messages",
  edit_messages: "Edit messages of others",
  delete_messages: "Delete messages",
  ban_users: "Remove members",
  invite_users: "Add members, decide about requests",
  pin_messages: "Pin messages",
  manage_topics: "Manage topics",
  add_admins: "Add admins",
  anonymous: "Stay anonymous",
};
const ONLY_CHANNELS = ["post_messages", "edit_messages"];
const ONLY_GROUPS = ["ban_users", "pin_messages", "manage_topics", "anonymous"];

export function Group({ pane, account, id, entity, full, close }) {
  const admin = entity.creator || entity.admin_rights !== undefined;
  const mayInvite = entity.creator || entity.admin_rights?.invite_users || (!isChannel(id) && !entity.left);
  if (!account.isMember(id)) return null;
  return html`
    ${admin && html`<${Requests} pane=${pane} account=${account} id=${id} count=${full?.requests_pending ?? 0} />`}
    <${Members} pane=${pane} account=${account} id=${id} entity=${entity} full=${full} close=${close} />
    ${mayInvite && html`<${Add} pane=${pane} account=${account} id=${id} entity=${entity} />`}
    ${admin && html`<${Links} pane=${pane} account=${account} id=${id} />`}
  `;
}

/** Return the members of a chat as [{id, role, rights}], null until they are known. */
function useMembers(pane, account, id, full) {
  const [members, setMembers] = useState(null);
  useEffect(() => {
    if (!isChannel(id)) {
      const found = full?.participants?.participants ?? [];
      setMembers(found.map((each) => ({ id: each.user_id, role: roleOf(each), rights: each.admin_rights ?? {} })));
      return;
    }
    listed(account, id).then(setMembers);
  }, [id, full]);
  return members;
}

/** Return the members of a channel; only those of whom something was heard if the list is not to be had. */
async function listed(account, id) {
  try {
    const answer = await account.call({
      _: "channels.getParticipants", channel: inputChannel(account.entity(id).value),
      filter: { _: "channelParticipantsRecent" }, offset: 0, limit: 200, hash: 0,
    });
    return answer.participants.map((each) => ({
      id: each.user_id ?? each.peer?.user_id, role: roleOf(each), rights: each.admin_rights ?? {},
    }));
  } catch {
    return null;
  }
}

function roleOf({ _ }) {
  if (/Creator/.test(_)) return "owner";
  return /Admin/.test(_) ? "admin" : "";
}

function Members({ pane, account, id, entity, full, close }) {
  const members = useMembers(pane, account, id, full);
  const [chosen, setChosen] = useState(null);
  if (members === null) return null;
  const mayChange = entity.creator || entity.admin_rights?.add_admins;
  return html`
    <h4>Members</h4>
    <ul class="members">
      ${members.map(({ id: user, role, rights }) => {
        const who = account.entity(user).value;
        return html`
          <li key=${user} class="member">
            <button class="member-who" onClick=${() => openProfile(pane, account, user)}>
              <${Avatar} id=${user} entity=${who} size="small" />
              <span class="member-name">${nameOf(who)}</span>
            </button>
            ${role && html`<span class="role">${role}</span>`}
            ${mayChange && role !== "owner" &&
            html`
              <button class="text-button" aria-expanded=${chosen === user} onClick=${() => setChosen(chosen === user ? null : user)}>
                Rights
              </button>
              <button class="text-button" onClick=${() => remove(pane, account, id, user)}>Remove</button>
            `}
            ${chosen === user &&
            html`<${Rights} pane=${pane} account=${account} id=${id} entity=${entity} user=${user} rights=${rights} done=${() => setChosen(null)} />`}
          </li>
        `;
      })}
    </ul>
  `;
}

/** The rights of an admin, to be ticked. */
function Rights({ pane, account, id, entity, user, rights, done }) {
  const left = entity.broadcast ? ONLY_GROUPS : ONLY_CHANNELS;
  const submit = async (event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const set = Object.fromEntries([...given.keys()].map((right) => [right, true]));
    if ((await promote(pane, account, id, user, set)) !== undefined) done();
  };
  return html`
    <form class="rights" onSubmit=${submit}>
      ${Object.entries(RIGHTS)
        .filter(([right]) => !left.includes(right))
        .map(
          ([right, words]) => html`
            <label key=${right} class="form-check">
              <input type="checkbox" name=${right} checked=${rights[right] ?? false} /> ${words}
            </label>
          `,
        )}
      <button class="button">Set rights</button>
    </form>
  `;
}

/** Add a person or a bot of the sandbox, as a member, or as an admin with all rights in a channel. */
function Add({ pane, account, id, entity }) {
  const found = [...bots.value, ...(people.value ?? [])].filter((each) => each.username && each.id !== account.id);
  const submit = async (event) => {
    event.preventDefault();
    const user = await resolve(pane, account, new FormData(event.currentTarget).get("username"));
    if (user === undefined) return;
    // A bot is in a channel as an admin only.
    if (entity.broadcast && account.entity(user).value.bot) {
      await promote(pane, account, id, user, { post_messages: true, invite_users: true });
    } else await invite(pane, account, id, user);
  };
  if (found.length === 0) return null;
  return html`
    <form class="add" onSubmit=${submit}>
      <label>
        Add
        <select name="username">
          ${found.map(({ id: each, name, username }) => html`<option key=${each} value=${username}>${name} (@${username})</option>`)}
        </select>
      </label>
      <button class="button">Add</button>
    </form>
  `;
}

/** Make an invite link, with or without requests to join. */
function Links({ pane, account, id }) {
  const [links, setLinks] = useState([]);
  const make = async (needed) => {
    const request = { _: "messages.exportChatInvite", peer: account.peer(id), request_needed: needed };
    const made = await act(pane, account, request);
    if (made !== undefined) setLinks([...links, made]);
  };
  return html`
    <h4>Invite links</h4>
    <ul class="commands">
      ${links.map(
        ({ link, request_needed }) => html`
          <li key=${link}>
            <button class="text-button" aria-label=${`Copy ${link}`} onClick=${() => copy(pane, link)}>${link}</button>
            ${request_needed && html`<span>asks to join</span>`}
          </li>
        `,
      )}
    </ul>
    <div class="modal-foot">
      <button class="button button-plain" onClick=${() => make(false)}>New link</button>
      <button class="button button-plain" onClick=${() => make(true)}>New link with requests</button>
    </div>
  `;
}

/** Open requests to join, to be decided. */
function Requests({ pane, account, id, count }) {
  const [waiting, setWaiting] = useState([]);
  useEffect(() => {
    if (count === 0) {
      setWaiting([]);
      return;
    }
    const request = {
      _: "messages.getChatInviteImporters", requested: true, peer: account.peer(id), offset_date: 0,
      offset_user: { _: "inputUserEmpty" }, limit: 100,
    };
    account.call(request).then((answer) => setWaiting(answer.importers), () => setWaiting([]));
  }, [id, count]);
  if (waiting.length === 0) return null;
  return html`
    <h4>Requests to join</h4>
    <ul class="members">
      ${waiting.map(
        ({ user_id, about }) => html`
          <li key=${user_id} class="member">
            <${Avatar} id=${user_id} entity=${account.entity(user_id).value} size="small" />
            <span class="member-name">${nameOf(account.entity(user_id).value)}${about && html` <span class="quiet">${about}</span>`}</span>
            <button class="text-button" onClick=${() => decide(pane, account, id, user_id, true)}>Approve</button>
            <button class="text-button" onClick=${() => decide(pane, account, id, user_id, false)}>Decline</button>
          </li>
        `,
      )}
    </ul>
  `;
}
