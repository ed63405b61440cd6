// What a link does: opens a chat of the page, or, after a question, an address in a new tab.
import { act, attempt, create, invite, promote, resolve, startBot } from "./actions.js";
import { html } from "../html.js";
import { opens, read } from "./links.js";
import { confirm, Modal } from "./modal.js";
import { isUser, kindOf, markedOf, nameOf } from "./peers.js";
import { count } from "./words.js";

/** Follow a link that was clicked, typed or pasted; return undefined if it leads nowhere. */
export async function follow(pane, account, address) {
  const link = read(address);
  if (link === null) return outside(pane, address);
  if (link.to === "invite") return followInvite(pane, account, link.hash);
  if (link.to === "user") return openPerson(pane, account, link.id);
  const id = await resolve(pane, account, link.name);
  if (id === undefined) return undefined;
  const entity = account.entity(id).value;
  if (entity.bot && (link.startgroup !== null || link.startchannel)) return addBot(pane, account, id, link);
  pane.go(id, entity.bot ? link.start : null);
  if (link.text) pane.draft(id).text.value = link.text;
  return id;
}

/** Ask before an address is opened in a new tab of the browser. */
export function outside(pane, address) {
  if (!opens(/^[a-z][a-z0-9+.-]*:/i.test(address) ? address : `https://${address}`)) {
    pane.say(`This page cannot open ${address}.`);
    return;
  }
  const full = /^[a-z][a-z0-9+.-]*:/i.test(address) ? address : `https://${address}`;
  confirm(pane, {
    title: "Open this link?",
    text: html`<span class="address">${full}</span>`,
    does: "Open",
    then: () => window.open(full, "_blank", "noopener,noreferrer"),
  });
}

export function openPerson(pane, account, id) {
  if (account.entity(id).value === undefined) pane.say("This account has not met that person.");
  else pane.go(id);
}

/** Show what an invite link leads to, with a button to join or to ask for it. */
async function followInvite(pane, account, hash) {
  const found = await act(pane, account, { _: "messages.checkChatInvite", hash });
  if (found === undefined) return undefined;
  if (found._ === "chatInviteAlready") {
    account.learn([], [found.chat]);
    pane.go(markedOf(found.chat));
    return true;
  }
  const kind = found.broadcast ? "channel" : "group";
  confirm(pane, {
    title: found.title,
    text: html`
      ${count(found.participants_count, "member")}.${" "}
      ${found.request_needed ? `An admin of this ${kind} lets new members in.` : `This is an invitation to a ${kind}.`}
      ${found.about && html`<br />${found.about}`}
    `,
    does: found.request_needed ? "Ask to join" : `Join the ${kind}`,
    then: () => joinBy(pane, account, hash),
  });
  return true;
}

async function joinBy(pane, account, hash) {
  const answer = await act(pane, account, { _: "messages.importChatInvite", hash });
  const chat = (answer?.updates?.chats ?? answer?.chats)?.[0];
  if (chat === undefined) return;
  account.learn([], [chat]);
  pane.go(markedOf(chat));
}

/** Let the person choose the group, or the channel, that a bot is added to by a link. */
function addBot(pane, account, bot, link) {
  const rights = Object.fromEntries(link.admin.split(/[ +]/).filter(Boolean).map((right) => [right, true]));
  const close = () => (pane.over.value = null);
  const wanted = link.startchannel ? "channel" : "group";
  const add = async (id) => {
    close();
    const asAdmin = Object.keys(rights).length > 0 || link.startchannel;
    const added = asAdmin
      ? await addAdmin(pane, account, id, bot, rights)
      : await invite(pane, account, id, bot);
    if (added === undefined) return;
    if (link.startgroup) await startBot(pane, account, bot, link.startgroup, id);
    pane.go(id);
  };
  pane.over.value = () => {
    const chats = account.list.value.filter(
      ({ id }) => !isUser(id) && account.isMember(id) && kindOf(account.entity(id).value) === wanted,
    );
    return html`
      <${Modal} title=${`Add ${nameOf(account.entity(bot).value)} to a ${wanted}`} close=${close}>
        <div class="choices">
          ${chats.map(
            ({ id }) => html`
              <button key=${id} class="choice" onClick=${() => add(id)}>${nameOf(account.entity(id).value)}</button>
            `,
          )}
          <button
            class="choice"
            onClick=${async () => {
              const made = { kind: wanted === "channel" ? "channel" : "supergroup", title: `My ${wanted}` };
              const id = await create(pane, account, made);
              if (id !== undefined) await add(id);
            }}
          >
            New ${wanted} …
          </button>
        </div>
      </${Modal}>
    `;
  };
  return true;
}

/** Make a bot an admin with the rights that a link names; a group's bot has to be a member before. */
async function addAdmin(pane, account, id, bot, rights) {
  if (kindOf(account.entity(id).value) !== "channel") {
    // A bot that is a member already can be made an admin all the same.
    await account.refresh(id);
    const done = await attempt(pane, account.call(inviteRequest(account, id, bot)).catch(ignoreMember));
    if (done === undefined) return undefined;
  }
  return promote(pane, account, id, bot, Object.keys(rights).length > 0 ? rights : { post_messages: true });
}

function inviteRequest(account, id, bot) {
  const entity = account.entity(bot).value;
  const who = { _: "inputUser", user_id: bot, access_hash: entity.access_hash };
  const chat = account.peer(id);
  return chat._ === "inputPeerChannel"
    ? { _: "channels.inviteToChannel", channel: { ...chat, _: "inputChannel" }, users: [who] }
    : { _: "messages.addChatUser", chat_id: -id, user_id: who, fwd_limit: 50 };
}

function ignoreMember(error) {
  if (error.name === "USER_ALREADY_PARTICIPANT") return true;
  throw error;
}

