// Times and errors of Telegram, in words.

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short" });
const dayMonth = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "medium" });

const dayOf = (date) => new Date(date * 1000).setHours(0, 0, 0, 0);

/** Return the time of a message, such as 14:05. */
export const time = (date) => clock.format(date * 1000);

/** Return day and time of a message. */
export const moment = (date) => exact.format(date * 1000);

/** Return whether two messages are of the same day. */
export const sameDay = (one, other) => dayOf(one) === dayOf(other);

/** Return the day of a message for the line above it. */
export function day(date) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - dayOf(date)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  const thisYear = new Date(date * 1000).getFullYear() === new Date().getFullYear();
  return (thisYear ? dayMonth : full).format(date * 1000);
}

/** Return when a message of the list of chats was sent, as short as possible. */
export function when(date) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - dayOf(date)) / 86_400_000);
  if (days <= 0) return time(date);
  if (days < 7) return weekday.format(date * 1000);
  return new Date(date * 1000).toLocaleDateString("en-GB");
}

/** Return the length of a recording, such as 1:05. */
export function length(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Return the size of a file. */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** Return "1 member", "2 members". */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

const ERRORS = {
  BOT_RESPONSE_TIMEOUT: "The bot did not answer in time.",
  BOT_GROUPS_BLOCKED: "The bot does not join groups.",
  BOT_INLINE_DISABLED: "The bot has no inline mode.",
  CHANNEL_PRIVATE: "The chat is private, or you are not in it any more.",
  CHAT_ADMIN_REQUIRED: "Only an admin with the right to do this can do it.",
  CHAT_FORBIDDEN: "You are not in this chat any more.",
  CHAT_ID_INVALID: "You are not in this chat any more.",
  CHAT_TITLE_EMPTY: "A title has 1 to 128 characters.",
  CHAT_WRITE_FORBIDDEN: "You may not write here.",
  DATA_INVALID: "The button is not on the message any more.",
  HIDE_REQUESTER_MISSING: "The request is not open any more.",
  INPUT_USER_DEACTIVATED: "The account is deleted.",
  INVITE_HASH_EMPTY: "The invite link is not complete.",
  INVITE_HASH_EXPIRED: "The invite link does not work any more.",
  INVITE_HASH_INVALID: "There is no such invite link.",
  INVITE_REQUEST_SENT: "The request to join is sent. An admin decides about it.",
  MESSAGE_AUTHOR_REQUIRED: "Only the author of a message can edit it.",
  MESSAGE_DELETE_FORBIDDEN: "You may not delete this message.",
  MESSAGE_EMPTY: "The message is empty.",
  MESSAGE_ID_INVALID: "The message is not there any more.",
  MESSAGE_NOT_MODIFIED: "Nothing was changed.",
  MESSAGE_TOO_LONG: "A message has at most 4096 characters.",
  MEDIA_CAPTION_TOO_LONG: "A caption has at most 1024 characters.",
  MESSAGE_EDIT_TIME_EXPIRED: "The message is too old to be edited.",
  PEER_FLOOD: "Too many requests.",
  PEER_ID_INVALID: "This chat is not known to this account.",
  REACTION_INVALID: "This reaction cannot be given here.",
  USERNAME_INVALID: "A username has 5 to 32 letters, digits or underscores, and begins with a letter.",
  USERNAME_NOT_OCCUPIED: "Nobody has this username.",
  USERNAME_OCCUPIED: "Somebody else has this username.",
  USERS_TOO_FEW: "A group needs at least one more member.",
  USER_ALREADY_PARTICIPANT: "Already a member.",
  USER_BOT: "A bot cannot be a member of a channel, only an admin.",
  USER_IS_BLOCKED: "You are blocked.",
  USER_NOT_PARTICIPANT: "Not a member.",
  YOU_BLOCKED_USER: "You have blocked this user. Unblock them to write.",
};

/** Return what an error means: Telegram's words for a person, or what the sandbox said. */
export function inWords(error) {
  const known = ERRORS[error.name];
  if (known !== undefined) return known;
  const wait = /^(?:FLOOD|SLOWMODE)_WAIT_(\d+)$/.exec(error.name);
  if (wait) return `Too many requests: wait ${count(Number(wait[1]), "second")}.`;
  if (/^INPUT_METHOD_INVALID/.test(error.name)) return "The sandbox does not have this method.";
  if (/_NOT_IMPLEMENTED$/.test(error.name)) return "The sandbox cannot do this yet.";
  return error.name && error.message.endsWith(error.name) ? "Telegram refused this:" : error.message;
}
