// What a person does in a chat, as calls of Telegram's methods. A refusal is shown as a notice in the pane.
import {
  inputChannel, inputPeer, inputUser, isChannel, markedOf, randomId, usernameOf,
} from "./peers.js";
import { inWords } from "./words.js";

/** Wait for something; if it is refused, say so in the pane and return undefined. */
export async function attempt(pane, promise) {
  try {
    return await promise;
  } catch (error) {
    const sent = error.name === "INVITE_REQUEST_SENT";
    pane.say(inWords(error), { name: sent ? "" : error.name, kind: sent ? "notice" : "error" });
    return undefined;
  }
}

/** Make a call as the person of a pane; return undefined if it is refused. */
export const act = (pane, account, request) => attempt(pane, account.call(request));

const replyTo = (message) =>
  message ? { reply_to: { _: "inputReplyToMessage", reply_to_msg_id: message.id } } : {};

/** Send a text; return the answer, or undefined. */
export function sendText(pane, account, id, text, answered = null) {
  return act(pane, account, {
    _: "messages.sendMessage", peer: account.peer(id), message: text, random_id: randomId(), ...replyTo(answered),
  });
}

/** Send a medium. */
export function sendMedia(pane, account, id, media, { text = "", answered = null } = {}) {
  return act(pane, account, {
    _: "messages.sendMedia", peer: account.peer(id), media, message: text, random_id: randomId(), ...replyTo(answered),
  });
}

/** Send what a person types as a command, in groups with the name of the bot. */
export const sendCommand = (pane, account, id, text) => sendText(pane, account, id, text);

/** Start a bot, in its private chat or in a group. */
export function startBot(pane, account, bot, payload = "", to = bot) {
  // Without a payload an app sends the command as a text: messages.startBot would refuse it.
  if (!payload) {
    return sendText(pane, account, to, to === bot ? "/start" : `/start@${usernameOf(account.entity(bot).value)}`);
  }
  return act(pane, account, {
    _: "messages.startBot", bot: inputUser(account.entity(bot).value), peer: account.peer(to),
    start_param: payload, random_id: randomId(),
  });
}

export function editText(pane, account, message, id, text) {
  return act(pane, account, { _: "messages.editMessage", peer: account.peer(id), id: message.id, message: text });
}

/** Delete messages, for the person alone or for all. In channels all lose them. */
export async function deleteMessages(pane, account, id, messages, revoke) {
  const ids = messages.map((message) => message.id);
  const answer = await act(
    pane,
    account,
    isChannel(id)
      ? { _: "channels.deleteMessages", channel: inputChannel(account.entity(id).value), id: ids }
      : { _: "messages.deleteMessages", id: ids, revoke },
  );
  if (answer !== undefined && account.dialog(id).remove(new Set(ids))) account.renewTop(id);
}

export function forward(pane, account, from, messages, to) {
  return act(pane, account, {
    _: "messages.forwardMessages", from_peer: account.peer(from), to_peer: account.peer(to),
    id: messages.map((message) => message.id), random_id: messages.map(randomId),
  });
}

export async function pin(pane, account, id, message, pinned) {
  const request = {
    _: "messages.updatePinnedMessage", peer: account.peer(id), id: message.id, unpin: !pinned, pm_oneside: false,
  };
  const answer = await act(pane, account, request);
  if (answer !== undefined) account.dialog(id).change(message.id, (known) => ({ ...known, pinned }));
}

/** Give a reaction, or take it back. */
export function react(pane, account, id, message, emoticon) {
  const chosen = (message.reactions?.results ?? []).filter((each) => each.chosen_order !== undefined);
  const same = chosen.some((each) => each.reaction.emoticon === emoticon);
  const reaction = same ? [] : [{ _: "reactionEmoji", emoticon }];
  return act(pane, account, { _: "messages.sendReaction", peer: account.peer(id), msg_id: message.id, reaction });
}

export function vote(pane, account, id, message, options) {
  return act(pane, account, { _: "messages.sendVote", peer: account.peer(id), msg_id: message.id, options });
}

// -- people and chats

export function block(pane, account, id, blocked) {
  return act(pane, account, { _: blocked ? "contacts.block" : "contacts.unblock", id: account.peer(id) });
}

/** Delete a chat from the list, with all of its messages. */
export async function deleteChat(pane, account, id, revoke) {
  if (!isChannel(id)) {
    const request = { _: "messages.deleteHistory", peer: account.peer(id), max_id: 0, revoke };
    if ((await act(pane, account, request)) === undefined) return;
  }
  account.dialogs.delete(id);
  account.known.value += 1;
  pane.go(null);
}

/** Leave a group or channel. */
export async function leave(pane, account, id) {
  const entity = account.entity(id).value;
  const self = { _: "inputUserSelf" };
  const request = isChannel(id)
    ? { _: "channels.leaveChannel", channel: inputChannel(entity) }
    : { _: "messages.deleteChatUser", chat_id: -id, user_id: self };
  if ((await act(pane, account, request)) !== undefined) await account.renew(id);
}

export async function join(pane, account, id) {
  const channel = inputChannel(account.entity(id).value);
  if ((await act(pane, account, { _: "channels.joinChannel", channel })) === undefined) return;
  await account.renew(id);
  await account.loadHistory(account.dialog(id));
}

/** Make a group or channel, open it, and return its marked id. */
export async function create(pane, account, { kind, title, users = [], about = "" }) {
  const before = new Set(account.entities.keys());
  const request =
    kind === "group"
      ? { _: "messages.createChat", title, users: users.map((id) => inputUser(account.entity(id).value)) }
      : { _: "channels.createChannel", title, about, megagroup: kind === "supergroup", broadcast: kind === "channel" };
  const answer = await act(pane, account, request);
  if (answer === undefined) return undefined;
  const made = (answer.updates.chats ?? answer.chats)?.[0];
  const id = made ? markedOf(made) : [...account.entities.keys()].find((each) => !before.has(each));
  if (kind !== "group") for (const user of users) await invite(pane, account, id, user);
  pane.go(id);
  return id;
}

/** Add a user to a group or channel. */
export async function invite(pane, account, id, user) {
  const who = inputUser(account.entity(user).value);
  const done = await act(
    pane,
    account,
    isChannel(id)
      ? { _: "channels.inviteToChannel", channel: inputChannel(account.entity(id).value), users: [who] }
      : { _: "messages.addChatUser", chat_id: -id, user_id: who, fwd_limit: 50 },
  );
  if (done !== undefined) await account.refresh(id);
  return done;
}

/** Make somebody an admin with these rights; without any, an ordinary member again. */
export async function promote(pane, account, id, user, rights) {
  const who = inputUser(account.entity(user).value);
  const done = await act(
    pane,
    account,
    isChannel(id)
      ? {
          _: "channels.editAdmin", channel: inputChannel(account.entity(id).value), user_id: who, rank: "",
          admin_rights: { _: "chatAdminRights", ...rights },
        }
      : { _: "messages.editChatAdmin", chat_id: -id, user_id: who, is_admin: Object.values(rights).some(Boolean) },
  );
  if (done !== undefined) await account.refresh(id);
  return done;
}

/** Remove a member. */
export async function remove(pane, account, id, user) {
  const entity = account.entity(user).value;
  const banned = { _: "chatBannedRights", view_messages: true, until_date: 0 };
  const request = isChannel(id)
    ? {
        _: "channels.editBanned", channel: inputChannel(account.entity(id).value), participant: inputPeer(entity),
        banned_rights: banned,
      }
    : { _: "messages.deleteChatUser", chat_id: -id, user_id: inputUser(entity) };
  if ((await act(pane, account, request)) !== undefined) await account.refresh(id);
}

export async function decide(pane, account, id, user, approved) {
  const who = inputUser(account.entity(user).value);
  const request = { _: "messages.hideChatJoinRequest", peer: account.peer(id), user_id: who, approved };
  if ((await act(pane, account, request)) !== undefined) await account.refresh(id);
}

/** Find a user, group or channel by its username; return its marked id, or undefined. */
export async function resolve(pane, account, name) {
  const answer = await act(pane, account, { _: "contacts.resolveUsername", username: name });
  if (answer === undefined) return undefined;
  return markedOf([...answer.users, ...answer.chats][0]);
}

export const isBroadcast = (entity) => entity?._ === "channel" && entity.broadcast === true;

/** Return whether the person may write in a group or channel. */
export function mayWrite(entity) {
  if (!isBroadcast(entity)) return true;
  return entity.creator === true || entity.admin_rights?.post_messages === true;
}

