// Updates of Telegram, and answers that hold updates, as changes of what an account knows.
import { isUser, marked } from "./peers.js";

const CHANNELS = 1_000_000_000_000;
const channel = (id) => -(CHANNELS + id);

/** Take in an answer or a push. `request` is the call that was answered, undefined for a push. */
export function apply(account, told, request) {
  switch (told?._) {
    case "updates":
    case "updatesCombined":
      account.learn(told.users, told.chats);
      for (const update of told.updates) take(account, update);
      break;
    case "updateShort":
      take(account, told.update);
      break;
    case "updateShortMessage":
    case "updateShortChatMessage":
      add(account, messageOf(account, told));
      break;
    case "updateShortSentMessage":
      if (request !== undefined) add(account, sentMessage(account, told, request));
      break;
    case "updatesTooLong":
      account.load();
      break;
    case "messages.invitedUsers":
    case "messages.chatInviteJoinResultOk":
      apply(account, told.updates, request);
      break;
  }
}

function user(id) {
  return { _: "peerUser", user_id: id };
}

/** Return the message of a short form. */
function messageOf(account, told) {
  const { _, user_id, chat_id, from_id, pts, pts_count, ...rest } = told;
  const message = { _: "message", ...rest };
  if (_ === "updateShortChatMessage") {
    return { ...message, peer_id: { _: "peerChat", chat_id }, from_id: user(from_id) };
  }
  return { ...message, peer_id: user(user_id), ...(told.out ? { from_id: user(account.id) } : {}) };
}

/** Return the message that a call has sent, of which the answer says only what the caller does not know. */
function sentMessage(account, told, request) {
  const { peer } = request;
  const to =
    peer._ === "inputPeerUser"
      ? user(peer.user_id)
      : peer._ === "inputPeerChat"
        ? { _: "peerChat", chat_id: peer.chat_id }
        : { _: "peerChannel", channel_id: peer.channel_id };
  const { id, date, media, entities } = told;
  const reply = request.reply_to && { _: "messageReplyHeader", reply_to_msg_id: request.reply_to.reply_to_msg_id };
  return {
    _: "message", id, date, media, entities, out: true, from_id: user(account.id), peer_id: to,
    message: request.message, reply_to: reply,
  };
}

function add(account, message) {
  const dialog = account.dialogOf(message);
  account.took([message]);
  const isNew = dialog.add(message);
  const from = message.from_id ? marked(message.from_id) : dialog.id;
  if (!message.out) dialog.types(from, null);
  if (!isNew) return;
  account.moves += 1;
  dialog.moved = account.moves;
  account.known.value += 1;
  if (message.out) dialog.unread.value = 0;
  else dialog.unread.value += 1;
  if (message._ === "messageService" && !isUser(dialog.id)) account.refresh(dialog.id);
}

function edit(account, message) {
  account.took([message]);
  account.dialogOf(message).change(message.id, () => message);
}

function remove(account, dialog, ids) {
  if (dialog.remove(ids)) {
    account.known.value += 1;
    account.renewTop(dialog.id);
  }
}

/** Change messages of the private chats and groups, or of one channel. */
function flag(account, peer, ids, values) {
  const dialog = account.dialogs.get(marked(peer));
  for (const id of ids) dialog?.change(id, (message) => ({ ...message, ...values }));
}

const TAKES = {
  updateNewMessage: (account, { message }) => add(account, message),
  updateNewChannelMessage: (account, { message }) => add(account, message),
  updateEditMessage: (account, { message }) => edit(account, message),
  updateEditChannelMessage: (account, { message }) => edit(account, message),
  updateDeleteMessages(account, { messages }) {
    // The ids of private chats and groups are one sequence: the update does not say which chat.
    const ids = new Set(messages);
    for (const dialog of account.dialogs.values()) {
      if (dialog.id > -CHANNELS) remove(account, dialog, ids);
    }
  },
  updateDeleteChannelMessages(account, { channel_id, messages }) {
    const dialog = account.dialogs.get(channel(channel_id));
    if (dialog !== undefined) remove(account, dialog, new Set(messages));
  },
  updateReadHistoryInbox(account, { peer, max_id, still_unread_count }) {
    const dialog = account.dialog(marked(peer));
    dialog.readIn = max_id;
    dialog.unread.value = still_unread_count;
  },
  updateReadHistoryOutbox(account, { peer, max_id }) {
    const read = account.dialog(marked(peer)).readOut;
    read.value = Math.max(read.value, max_id);
  },
  updateReadChannelInbox(account, { channel_id, still_unread_count }) {
    account.dialog(channel(channel_id)).unread.value = still_unread_count;
  },
  updateReadChannelOutbox(account, { channel_id, max_id }) {
    account.dialog(channel(channel_id)).readOut.value = max_id;
  },
  updateUserTyping: (account, { user_id, action }) => account.dialogs.get(user_id)?.types(user_id, action),
  updateChatUserTyping(account, { chat_id, from_id, action }) {
    account.dialogs.get(-chat_id)?.types(marked(from_id), action);
  },
  updateChannelUserTyping(account, { channel_id, from_id, action }) {
    account.dialogs.get(channel(channel_id))?.types(marked(from_id), action);
  },
  updatePinnedMessages(account, { peer, messages, pinned }) {
    flag(account, peer, messages, { pinned });
  },
  updatePinnedChannelMessages(account, { channel_id, messages, pinned }) {
    flag(account, { _: "peerChannel", channel_id }, messages, { pinned });
  },
  updateMessageReactions(account, { peer, msg_id, reactions }) {
    flag(account, peer, [msg_id], { reactions });
  },
  updateMessagePoll(account, { poll_id, poll, results }) {
    const known = account.poll(poll_id);
    const before = known.value;
    if (before === undefined) return;
    known.value = { ...before, poll: poll ?? before.poll, results: merged(before.results, results) };
  },
  updateUserName: (account, { user_id }) => account.renew(user_id),
  updateUser: (account, { user_id }) => account.renew(user_id),
  updateChat: (account, { chat_id }) => account.renew(-chat_id),
  updateChannel(account, { channel_id }) {
    const id = channel(channel_id);
    arrived(account, id);
  },
  updatePeerBlocked: (account, { peer_id }) => account.refresh(marked(peer_id)),
  updatePeerSettings: (account, { peer }) => account.renew(marked(peer)),
  updateBotCommands: (account, { peer, bot_id }) => [marked(peer), bot_id].map((id) => account.refresh(id)),
  updateChatParticipants: (account, { participants }) => account.refresh(-participants.chat_id),
  updateChatParticipantAdd: (account, { chat_id }) => account.refresh(-chat_id),
  updateChatParticipantDelete: (account, { chat_id }) => account.refresh(-chat_id),
  updateChatParticipantAdmin: (account, { chat_id }) => account.refresh(-chat_id),
  updateChatDefaultBannedRights: (account, { peer }) => account.renew(marked(peer)),
  updatePendingJoinRequests: (account, { peer }) => account.refresh(marked(peer)),
};

/** Learn how a channel is now; if this person has just come into it, show it among the chats. */
async function arrived(account, id) {
  const dialog = account.dialog(id);
  await account.renew(id);
  if (dialog.top.value !== null || !account.isMember(id)) return;
  await account.renewTop(id);
  if (dialog.top.value === null) await account.loadHistory(dialog).catch(() => undefined);
  account.known.value += 1;
}

function take(account, update) {
  TAKES[update._]?.(account, update);
}

/** Return the results of a poll; those that are min do not say what was chosen here. */
function merged(before, results) {
  if (!results.min || before?.results === undefined) return results;
  const chosen = new Set(before.results.filter((each) => each.chosen).map((each) => each.option));
  const counts = results.results?.map((each) => (chosen.has(each.option) ? { ...each, chosen: true } : each));
  return { ...results, results: counts };
}
