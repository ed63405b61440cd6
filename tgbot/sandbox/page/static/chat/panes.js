// The panes of the chat: each shows the chats of one person; two can be side by side.
import { computed, signal } from "@preact/signals";

let number = 0;

/** What is being written in a chat: its text, and the message that it answers or edits. */
class Draft {
  constructor() {
    this.text = signal("");
    this.answered = signal(null);
    this.edited = signal(null);
    /** The id of the message whose one-time keyboard was used, or whose keyboard was folded. */
    this.folded = signal(0);
  }
}

export class Pane {
  constructor() {
    number += 1;
    this.id = number;
    /** The id of the person whose chats it shows, null for nobody. */
    this.account = signal(null);
    /** The marked id of the open chat, null for none. */
    this.open = signal(null);
    /** The payload of a link that was followed to the open chat, and is not sent yet. */
    this.start = signal(null);
    /** What a menu or a button has opened over the pane: a function that renders it. */
    this.over = signal(null);
    /** The id of the message to scroll to, null for none. */
    this.jump = signal(null);
    this.notices = signal([]);
    this.lastNotice = 0;
    this.drafts = new Map();
  }

  /** Return what is being written in a chat. */
  draft(id) {
    const key = `${this.account.peek()} ${id}`;
    let draft = this.drafts.get(key);
    if (draft === undefined) this.drafts.set(key, (draft = new Draft()));
    return draft;
  }

  /** Show somebody's chats. */
  show(account) {
    this.account.value = account;
    this.go(null);
  }

  /** Open a chat, with a start payload if there is one. */
  go(id, start = null) {
    this.start.value = start;
    this.open.value = id;
  }

  /** Show a short notice for some seconds. */
  say(text, { name = "", kind = "notice" } = {}) {
    this.lastNotice += 1;
    const notice = { id: this.lastNotice, text, name, kind };
    this.notices.value = [...this.notices.value.slice(-2), notice];
    setTimeout(() => this.unsay(notice.id), kind === "error" ? 8000 : 5000);
  }

  unsay(id) {
    this.notices.value = this.notices.value.filter((notice) => notice.id !== id);
  }
}

/** The panes, from left to right. */
export const panes = signal([new Pane()]);

/** Whether two people are side by side. */
export const two = computed(() => panes.value.length > 1);

/** Open or close the second pane. */
export function toggleSecond() {
  panes.value = two.value ? panes.value.slice(0, 1) : [...panes.value, new Pane()];
}
