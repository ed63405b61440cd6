// The rows of the wire: the newest ones as they come, older ones when they are asked for.
import { computed, signal } from "@preact/signals";
import { ask, connected, on } from "../link.js";

/** What rows are about, and how people choose them. A choice stands for several kinds. */
export const CHOICES = [
  { id: "call", name: "Calls", kinds: ["call"] },
  { id: "answer", name: "Answers", kinds: ["answer"] },
  { id: "update", name: "Updates", kinds: ["update"] },
  { id: "page", name: "Page", kinds: ["page"], title: "Calls of people on this page" },
  { id: "service", name: "Service", kinds: ["service"], title: "Acks, pings, salts, refused messages" },
  { id: "link", name: "Links", kinds: ["connection", "exchange"], title: "Connections and auth keys" },
];

/** The most rows that are kept here. */
const MOST = 10_000;

/** The rows, oldest first. One with a `gap` stands for that many that were left out. */
export const rows = signal([]);
/** Whether there are older rows than the first one. */
export const older = signal(false);
/** Whether new rows are not shown. */
export const paused = signal(false);
/** The bots and people that rows can be of. */
export const accounts = signal([]);

export const words = signal("");
/** An account id, 0 for clients that are not logged in, null for all. */
export const account = signal(null);
export const choices = signal(new Set(["call", "answer", "update", "page", "link"]));

/** Whether anything is chosen that hides rows which were recorded. */
export const filtered = computed(() => words.value !== "" || account.value !== null || choices.value.size < CHOICES.length);

let open = false;
let asking = 0;
let loading = false;

function wanted() {
  return {
    words: words.value,
    account: account.value,
    kinds: CHOICES.filter(({ id }) => choices.value.has(id)).flatMap(({ kinds }) => kinds),
  };
}

/** Load the last rows, and hear of new ones from then on. */
export async function load() {
  if (!open || !connected.value) return;
  asking += 1;
  const number = asking;
  const told = await ask("wire-open", wanted()).catch(() => null);
  if (told === null || number !== asking) return;
  if (paused.value) ask("wire-close").catch(() => {});
  rows.value = told.rows;
  older.value = told.older;
}

/** Begin, and end, to hear of new rows: the panel is shown, or is not any more. */
export function start() {
  open = true;
  load();
}

export function stop() {
  open = false;
  if (connected.value) ask("wire-close").catch(() => {});
}

/** Load rows from before the first one; resolve to their number. */
export async function loadOlder() {
  const first = rows.value[0];
  if (loading || !older.value || first === undefined) return 0;
  loading = true;
  const told = await ask("wire-more", { before: first.number }).catch(() => null);
  loading = false;
  if (told === null || rows.value[0] !== first) return 0;
  older.value = told.older && rows.value.length + told.rows.length < MOST;
  rows.value = [...told.rows, ...rows.value];
  return told.rows.length;
}

/** Stop to show new rows, or show all that came meanwhile. */
export function pause(stopped) {
  paused.value = stopped;
  if (stopped) ask("wire-close").catch(() => {});
  else load();
}

/** Forget all that was recorded. */
export function clear() {
  ask("wire-clear").catch(() => {});
}

/** Choose other rows: `change` sets some of the signals above. */
export function choose(change) {
  change();
  load();
}

function add(told) {
  if (!open || paused.value) return;
  const known = rows.value;
  const last = known.length ? known[known.length - 1].number : 0;
  const added = told.rows.filter(({ number }) => number > last);
  const next = told.left_out ? [...known, { gap: told.left_out, number: last + 0.5 }, ...added] : [...known, ...added];
  const byNumber = new Map(added.map((row) => [row.number, row]));
  for (const { of, took, error } of added) {
    // A call that is still in the list learns how long it took. Most are among the last rows.
    const call = of === undefined ? undefined : (byNumber.get(of) ?? found(known, of));
    if (call !== undefined) Object.assign(call, { took, error });
  }
  if (next.length > MOST) older.value = true;
  rows.value = next.length > MOST ? next.slice(-MOST) : next;
}

/** Return the row with a number: rows are in the order of their numbers. */
function found(list, number) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].number < number) low = middle + 1;
    else high = middle;
  }
  return list[low]?.number === number ? list[low] : undefined;
}

/** Return the place of the row with a number, -1 if it is not shown. */
export function placeOf(number) {
  const row = found(rows.value, number);
  return row === undefined ? -1 : rows.value.indexOf(row);
}

on("wire", add);
on("wire-cleared", () => {
  rows.value = [];
  older.value = false;
});
on("open", load);
on("people", ({ people, bots }) => {
  const name = ({ name, username }, bot) => (bot && username ? `@${username}` : name);
  accounts.value = [
    ...bots.map((each) => ({ id: each.id, name: name(each, true) })),
    ...people.map((each) => ({ id: each.id, name: name(each, false) })),
  ];
});
