// Which parts of the page are shown: any of them on a wide screen, one at a time on a narrow one.
import { computed, signal } from "@preact/signals";

export const PANELS = [
  { id: "chat", name: "Chat" },
  { id: "wire", name: "Wire" },
  { id: "stage", name: "Stage" },
];

const query = matchMedia("(max-width: 56rem)");

/** Whether the window has room for one part only. */
export const narrow = signal(query.matches);
query.addEventListener("change", () => (narrow.value = query.matches));

const open = signal(new Set());
const current = signal("chat");

/** The ids of the parts that are shown. */
export const shown = computed(() => (narrow.value ? new Set([current.value]) : new Set(["chat", ...open.value])));

/** Show a part. */
export function reveal(id) {
  if (!shown.value.has(id)) toggle(id);
}

/** Show a part, or fold it if there is room beside the chat. */
export function toggle(id) {
  if (narrow.value) {
    current.value = id;
    return;
  }
  const ids = new Set(open.value);
  if (!ids.delete(id)) ids.add(id);
  open.value = ids;
}
