// The panes of the chat: each shows the chats of one person; two can be side by side.
import { signal } from "@preact/signals";

let number = 0;

function newPane() {
  number += 1;
  return { id: number, account: signal(null), open: signal(null) };
}

/** The panes, from left to right: `account` is a person's id, `open` the marked id of the open chat. */
export const panes = signal([newPane()]);

/** Open or close the second pane. */
export function toggleSecond() {
  panes.value = panes.value.length > 1 ? panes.value.slice(0, 1) : [...panes.value, newPane()];
}
