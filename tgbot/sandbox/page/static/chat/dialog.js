// One chat of an account: its messages in the order of their ids, what is read, who is typing.
import { signal } from "@preact/signals";

const TYPING_MS = 6000;
/** A text that a bot streams is shown for so long. */
const DRAFT_MS = 30_000;

/** Return the index of the first message whose id is not below `id`. */
function place(messages, id) {
  let [low, high] = [0, messages.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class Dialog {
  constructor(id) {
    /** The marked id of the user, group or channel. */
    this.id = id;
    /** The newest message, null if there is none. */
    this.top = signal(null);
    /** The messages without a gap up to the newest one; null until they are asked for. */
    this.messages = signal(null);
    /** Whether `messages` begins with the first message of the chat. */
    this.complete = signal(false);
    this.unread = signal(0);
    this.readIn = 0;
    this.readOut = signal(0);
    /** Who is doing what: marked id → the TL action. */
    this.typing = signal(new Map());
    /** A number that grows when the chat moves to the top of the list. */
    this.moved = 0;
  }

  /** Set what a TL dialog says. */
  describe(dialog, top) {
    this.unread.value = dialog.unread_count;
    this.readIn = dialog.read_inbox_max_id;
    this.readOut.value = Math.max(this.readOut.value, dialog.read_outbox_max_id);
    if (top !== undefined && (this.top.value?.id ?? 0) <= top.id) this.top.value = top;
  }

  get(id) {
    const messages = this.messages.value ?? [];
    const found = messages[place(messages, id)];
    if (found?.id === id) return found;
    return this.top.value?.id === id ? this.top.value : undefined;
  }

  /** Add a message; return whether it is new here. */
  add(message) {
    const isNew = message.id > (this.top.value?.id ?? 0);
    if (isNew) this.top.value = message;
    if (this.messages.value !== null) this.merge([message]);
    return isNew;
  }

  /** Put messages, in any order, among those that are loaded. */
  merge(added) {
    const known = this.messages.value ?? [];
    const sorted = added.toSorted((one, other) => one.id - other.id);
    if (known.length === 0 || sorted.length === 0 || sorted[0].id > known.at(-1).id) {
      this.messages.value = [...known, ...sorted];
      return;
    }
    const all = new Map(known.map((message) => [message.id, message]));
    for (const message of sorted) all.set(message.id, message);
    this.messages.value = [...all.values()].toSorted((one, other) => one.id - other.id);
  }

  /** Replace a message that is known by what `change` returns for it. */
  change(id, change) {
    const messages = this.messages.value ?? [];
    const index = place(messages, id);
    const known = messages[index]?.id === id ? messages[index] : null;
    const top = this.top.value?.id === id ? this.top.value : null;
    if (known === null && top === null) return;
    const changed = change(known ?? top);
    if (known !== null) this.messages.value = messages.with(index, changed);
    if (top !== null) this.top.value = changed;
  }

  /** Remove messages; return whether the newest one was among them and is not known any more. */
  remove(ids) {
    if (this.messages.value?.some((message) => ids.has(message.id))) {
      this.messages.value = this.messages.value.filter((message) => !ids.has(message.id));
    }
    if (!ids.has(this.top.value?.id)) return false;
    this.top.value = this.messages.value?.at(-1) ?? null;
    return this.top.value === null;
  }

  /** Show for some seconds what somebody is doing; a message of theirs, or a cancel, ends it. */
  types(who, action) {
    const now = new Map(this.typing.value);
    now.delete(who);
    if (action !== null && action._ !== "sendMessageCancelAction") {
      now.set(who, action);
      setTimeout(() => {
        if (this.typing.value.get(who) === action) this.types(who, null);
      }, action._ === "sendMessageTextDraftAction" ? DRAFT_MS : TYPING_MS);
    }
    if (now.size > 0 || this.typing.value.size > 0) this.typing.value = now;
  }
}
