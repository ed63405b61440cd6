// What one person's app knows: users, chats, dialogs. Answers and updates of Telegram feed it.
import { computed, signal } from "@preact/signals";
import { call } from "../link.js";
import { Dialog } from "./dialog.js";
import { inputChannel, inputPeer, inputUser, isChannel, isUser, marked, markedOf } from "./peers.js";
import { apply } from "./updates.js";

const DIALOGS = 200;
const PAGE = 60;

let accounts = 0;

export class Account {
  constructor(id) {
    this.id = id;
    accounts += 1;
    /** A number that is new after each connection: what is shown of an account begins anew then, too. */
    this.serial = accounts;
    this.dialogs = new Map();
    /** Users, groups and channels by marked id, each as a signal: who shows one sees its changes. */
    this.entities = new Map();
    /** What getFullUser, getFullChat or getFullChannel said, by marked id, each as a signal. */
    this.fulls = new Map();
    /** Polls by id: in how many places they are shown, they are the same. */
    this.polls = new Map();
    /** A number that grows when there is a dialog more, or another order of them. */
    this.known = signal(0);
    this.loaded = signal(false);
    this.moves = 0;
    /** The chats with something in them, the newest first. */
    this.list = computed(() => {
      this.known.value;
      const shown = [...this.dialogs.values()].filter((dialog) => dialog.top.value !== null || dialog.kept);
      return shown.toSorted(
        (one, other) => (other.top.value?.date ?? 0) - (one.top.value?.date ?? 0) || other.moved - one.moved,
      );
    });
  }

  /** Make a call as this person and take in what it answers; reject with Refused. */
  async call(request) {
    const answer = await call(this.id, request);
    this.learn(answer?.users, answer?.chats);
    apply(this, answer, request);
    return answer;
  }

  // -- peers

  /** Return the signal of a user, group or channel; its value is undefined while it is unknown. */
  entity(id) {
    let known = this.entities.get(id);
    if (known === undefined) this.entities.set(id, (known = signal(undefined)));
    return known;
  }

  /** Take in users and chats; those that are min do not replace what is known. */
  learn(users = [], chats = []) {
    for (const entity of [...users, ...chats]) {
      const known = this.entity(markedOf(entity));
      const before = known.peek();
      if (entity.min && before !== undefined) continue;
      if (JSON.stringify(before) !== JSON.stringify(entity)) known.value = entity;
    }
  }

  peer(id) {
    return inputPeer(this.entity(id).peek());
  }

  /** Return the signal of what is known in full about a peer, and ask for it if nothing is. */
  full(id) {
    let known = this.fulls.get(id);
    if (known === undefined) {
      this.fulls.set(id, (known = signal(undefined)));
      this.refresh(id);
    }
    return known;
  }

  /** Ask anew for what is known in full about a peer, if anybody wanted to know. */
  async refresh(id) {
    const known = this.fulls.get(id);
    const entity = this.entity(id).peek();
    if (known === undefined || entity === undefined || entity._.endsWith("Forbidden")) return;
    const request = isUser(id)
      ? { _: "users.getFullUser", id: inputUser(entity) }
      : isChannel(id)
        ? { _: "channels.getFullChannel", channel: inputChannel(entity) }
        : { _: "messages.getFullChat", chat_id: -id };
    // Who was removed from a group may not ask any more.
    const answer = await this.call(request).catch(() => undefined);
    if (answer !== undefined) known.value = answer.full_user ?? answer.full_chat;
  }

  /** Ask anew for a user, group or channel. */
  async renew(id) {
    const entity = this.entity(id).peek();
    if (entity === undefined) return;
    const request = isUser(id)
      ? { _: "users.getUsers", id: [inputUser(entity)] }
      : isChannel(id)
        ? { _: "channels.getChannels", id: [inputChannel(entity)] }
        : { _: "messages.getChats", id: [-id] };
    const answer = await this.call(request).catch(() => undefined);
    if (Array.isArray(answer)) this.learn(answer.filter((user) => user._ === "user"));
    await this.refresh(id);
  }

  // -- dialogs

  dialog(id) {
    let dialog = this.dialogs.get(id);
    if (dialog === undefined) this.dialogs.set(id, (dialog = new Dialog(id)));
    return dialog;
  }

  /** Return the dialog that a message is in. */
  dialogOf(message) {
    return this.dialog(marked(message.peer_id));
  }

  /** Load the list of chats. */
  async load() {
    const empty = { _: "inputPeerEmpty" };
    const answer = await this.call({
      _: "messages.getDialogs", offset_date: 0, offset_id: 0, offset_peer: empty, limit: DIALOGS, hash: 0,
    });
    this.describe(answer);
    this.loaded.value = true;
  }

  describe({ dialogs, messages }) {
    const tops = new Map(messages.map((message) => [`${marked(message.peer_id)} ${message.id}`, message]));
    for (const each of dialogs.toReversed()) {
      const id = marked(each.peer);
      this.moves += 1;
      this.dialog(id).moved = this.moves;
      this.dialog(id).describe(each, tops.get(`${id} ${each.top_message}`));
    }
    this.known.value += 1;
  }

  /** Load the newest messages of a chat, or the next older ones. */
  async loadHistory(dialog) {
    if (dialog.loading || dialog.complete.value) return;
    dialog.loading = true;
    try {
      const oldest = dialog.messages.value?.[0]?.id ?? 0;
      const answer = await this.call({
        _: "messages.getHistory", peer: this.peer(dialog.id), offset_id: oldest, add_offset: 0, limit: PAGE,
        max_id: 0, min_id: 0, hash: 0,
      });
      this.took(answer.messages);
      dialog.merge(answer.messages);
      dialog.complete.value = answer.messages.length < PAGE;
      const last = dialog.messages.value.at(-1);
      if (last !== undefined && last.id >= (dialog.top.value?.id ?? 0)) dialog.top.value = last;
    } finally {
      dialog.loading = false;
    }
  }

  /** Take in what messages hold besides themselves. */
  took(messages) {
    for (const { media } of messages) {
      if (media?._ === "messageMediaPoll") this.poll(media.poll.id).value = media;
    }
  }

  /** Return the signal of a poll: its media. */
  poll(id) {
    let known = this.polls.get(id);
    if (known === undefined) this.polls.set(id, (known = signal(undefined)));
    return known;
  }

  /** Ask which message is the newest of a chat. */
  async renewTop(id) {
    const entity = this.entity(id).peek();
    if (entity === undefined) return;
    const peers = [{ _: "inputDialogPeer", peer: inputPeer(entity) }];
    const answer = await this.call({ _: "messages.getPeerDialogs", peers }).catch(() => undefined);
    if (answer !== undefined) this.describe(answer);
  }

  /** Tell Telegram that a chat is read to its end. */
  async read(dialog) {
    const top = dialog.top.value?.id ?? 0;
    if (dialog.unread.value === 0 || top === 0) return;
    dialog.unread.value = 0;
    const entity = this.entity(dialog.id).peek();
    const request = isChannel(dialog.id)
      ? { _: "channels.readHistory", channel: inputChannel(entity), max_id: top }
      : { _: "messages.readHistory", peer: inputPeer(entity), max_id: top };
    // What cannot be marked as read, because the connection has ended, is loaded anew afterwards.
    await this.call(request).catch(() => undefined);
  }

  /** Return whether this person is in the group or channel. */
  isMember(id) {
    const entity = this.entity(id).value;
    return entity !== undefined && !entity._.endsWith("Forbidden") && !entity.left;
  }
}

