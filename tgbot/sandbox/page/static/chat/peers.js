// Users, groups and channels: their ids, names, colours, and how a request names them.

const CHANNELS = 1_000_000_000_000;
const COLOURS = 7;

/** Return the marked id of a TL peer: a user id, -group id, or -(10^12 + channel id). */
export function marked(peer) {
  if (peer._ === "peerUser") return peer.user_id;
  if (peer._ === "peerChat") return -peer.chat_id;
  return -(CHANNELS + peer.channel_id);
}

/** Return the marked id of a TL user, chat or channel. */
export function markedOf(entity) {
  if (entity._ === "user" || entity._ === "userEmpty") return entity.id;
  return entity._.startsWith("channel") ? -(CHANNELS + entity.id) : -entity.id;
}

export const isUser = (id) => id > 0;
export const isChannel = (id) => id < -CHANNELS;
export const channelId = (id) => -id - CHANNELS;

export function nameOf(entity) {
  if (entity === undefined) return "Unknown";
  if (entity.deleted) return "Deleted account";
  if (entity.title !== undefined) return entity.title;
  return [entity.first_name, entity.last_name].filter(Boolean).join(" ") || "Unknown";
}

export function usernameOf(entity) {
  return entity?.username ?? entity?.usernames?.find((each) => each.active)?.username ?? "";
}

/** Return the one or two letters of an avatar. */
export function initials(name) {
  const words = name.split(/\s+/).map((word) => word.match(/\p{L}|\p{N}/u)?.[0]).filter(Boolean);
  return (words.length > 1 ? words[0] + words.at(-1) : words[0] ?? "?").toUpperCase();
}

/** Return the class of the colour of somebody; as in Telegram's apps, the id decides. */
export function colour(id) {
  return `colour-${Math.abs(isChannel(id) ? channelId(id) : id) % COLOURS}`;
}

/** Return what sort of peer this is, in words. */
export function kindOf(entity) {
  if (entity === undefined) return "";
  if (entity._.startsWith("user")) return entity.bot ? "bot" : "person";
  if (entity._.startsWith("channel")) return entity.megagroup ? "group" : "channel";
  return "group";
}

/** Return the InputPeer for a user, chat or channel as its account knows it. */
export function inputPeer(entity) {
  if (entity._ === "user") return { _: "inputPeerUser", user_id: entity.id, access_hash: entity.access_hash ?? 0 };
  if (entity._.startsWith("channel")) {
    return { _: "inputPeerChannel", channel_id: entity.id, access_hash: entity.access_hash ?? 0 };
  }
  return { _: "inputPeerChat", chat_id: entity.id };
}

export function inputUser(entity) {
  return { _: "inputUser", user_id: entity.id, access_hash: entity.access_hash ?? 0 };
}

export function inputChannel(entity) {
  return { _: "inputChannel", channel_id: entity.id, access_hash: entity.access_hash ?? 0 };
}

/** Return a new random_id; it is a decimal string, because it has 64 bits. */
export function randomId() {
  return crypto.getRandomValues(new BigInt64Array(1))[0].toString();
}
