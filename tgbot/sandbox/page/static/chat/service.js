// Service messages, and short descriptions of messages, in words.
import { nameOf } from "./peers.js";
import { length } from "./words.js";

/** Return the words for an action; `name` returns the name of a user id, `who` did it. */
export function actionWords(action, who, name) {
  const users = (action.users ?? []).map(name).join(", ");
  switch (action._) {
    case "messageActionChatCreate":
      return `${who} created the group “${action.title}”`;
    case "messageActionChannelCreate":
      return `“${action.title}” was created`;
    case "messageActionChatEditTitle":
      return `${who} changed the title to “${action.title}”`;
    case "messageActionChatEditPhoto":
      return `${who} changed the photo of the chat`;
    case "messageActionChatDeletePhoto":
      return `${who} removed the photo of the chat`;
    case "messageActionChatAddUser":
      return users === who ? `${who} joined the group` : `${who} added ${users}`;
    case "messageActionChatDeleteUser":
      return name(action.user_id) === who ? `${who} left the group` : `${who} removed ${name(action.user_id)}`;
    case "messageActionChatJoinedByLink":
      return `${who} joined by an invite link`;
    case "messageActionChatJoinedByRequest":
      return `${who} was let in after a request to join`;
    case "messageActionChatMigrateTo":
      return "The group became a supergroup";
    case "messageActionChannelMigrateFrom":
      return `The group “${action.title}” became this supergroup`;
    case "messageActionPinMessage":
      return `${who} pinned a message`;
    case "messageActionHistoryClear":
      return "The history was cleared";
    case "messageActionTopicCreate":
      return `${who} created the topic “${action.title}”`;
    case "messageActionTopicEdit":
      return action.title ? `${who} renamed the topic to “${action.title}”` : `${who} changed the topic`;
    case "messageActionBotAllowed":
      if (action.domain) return `You allowed this bot to write when you logged in on ${action.domain}`;
      return "You allowed this bot to write to you";
    case "messageActionRequestedPeer":
    case "messageActionRequestedPeerSentMe":
      return `${who} shared a chat with the bot`;
    case "messageActionWebViewDataSent":
    case "messageActionWebViewDataSentMe":
      return `Data of the button “${action.text}” was sent to the bot`;
    case "messageActionSetMessagesTTL":
      return action.period ? `${who} set messages to delete themselves` : `${who} ended the deletion of messages`;
    case "messageActionPaymentSent":
    case "messageActionPaymentSentMe":
      return `${who} paid ${action.total_amount} ${action.currency}`;
    case "messageActionCustomAction":
      return action.message;
    default:
      return action._.replace("messageAction", "").replace(/(?!^)([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
  }
}

const attribute = (document, name) =>
  document?.attributes?.find((each) => each._ === `documentAttribute${name}`);

/** Return what sort of document a medium is: photo, video, gif, voice, audio, round, sticker, image or file. */
export function documentKind(document) {
  const audio = attribute(document, "Audio");
  const video = attribute(document, "Video");
  if (attribute(document, "Sticker")) return "sticker";
  if (attribute(document, "Animated")) return "gif";
  if (video?.round_message) return "round";
  if (video) return "video";
  if (audio) return audio.voice ? "voice" : "audio";
  return "file";
}

export const fileName = (document) => attribute(document, "Filename")?.file_name ?? "file";
export { attribute };

const KINDS = { video: "Video", gif: "GIF", voice: "Voice message", audio: "Audio", round: "Video message", sticker: "Sticker" };

/** Return the words for a medium, "" for none. */
export function mediaWords(media) {
  switch (media?._) {
    case undefined:
    case "messageMediaEmpty":
    case "messageMediaWebPage":
      return "";
    case "messageMediaPhoto":
      return "Photo";
    case "messageMediaDocument": {
      const kind = documentKind(media.document);
      const seconds = attribute(media.document, "Audio")?.duration;
      if (kind === "voice") return `Voice message, ${length(seconds ?? 0)}`;
      return KINDS[kind] ?? fileName(media.document);
    }
    case "messageMediaContact":
      return `Contact: ${nameOf(media)}`;
    case "messageMediaGeo":
    case "messageMediaGeoLive":
      return "Location";
    case "messageMediaVenue":
      return `Place: ${media.title}`;
    case "messageMediaDice":
      return media.emoticon;
    case "messageMediaPoll":
      return `Poll: ${media.poll.question.text}`;
    case "messageMediaInvoice":
      return `Invoice: ${media.title}`;
    case "messageMediaGame":
      return `Game: ${media.game.title}`;
    default:
      return media._.replace("messageMedia", "");
  }
}

/** Return a message in one line, for the list of chats and for answers. */
export function inShort(message, account) {
  if (message._ === "messageService") return serviceWords(message, account);
  return [mediaWords(message.media), message.message].filter(Boolean).join(", ").replaceAll("\n", " ");
}

/** Return the words for a service message. */
export function serviceWords(message, account) {
  const name = (id) => nameOf(account.entity(id).value);
  const from = message.from_id?.user_id ?? message.peer_id.user_id;
  return actionWords(message.action, from === undefined ? "The channel" : name(from), name);
}
