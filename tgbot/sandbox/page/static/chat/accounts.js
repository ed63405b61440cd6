// The accounts that the panes show; after each connection, and after a restart of the sandbox, they load anew.
import { effect, signal } from "@preact/signals";
import { ask, connected, on } from "../link.js";
import { Account } from "./account.js";
import { panes } from "./panes.js";
import { apply } from "./updates.js";

/** People and bots of the sandbox, as the event "people" lists them; null until it comes. */
export const people = signal(null);
export const bots = signal([]);

const accounts = signal(new Map());

/** Return the account with this id that a pane shows; undefined until it is watched. */
export function accountOf(id) {
  return accounts.value.get(id);
}

on("people", (told) => {
  people.value = told.people;
  bots.value = told.bots;
  const ids = new Set(told.people.map((person) => person.id));
  for (const pane of panes.value) {
    if (pane.account.value !== null && !ids.has(pane.account.value)) pane.show(null);
  }
});
on("updates", ({ account, updates }) => {
  const known = accounts.peek().get(account);
  if (known !== undefined) apply(known, updates);
});
on("open", reload);

/** Forget everything, and load what the panes show. */
export function reload() {
  accounts.value = new Map();
  watch(wanted());
}

function wanted() {
  return [...new Set(panes.value.map((pane) => pane.account.value).filter((id) => id !== null))];
}

async function watch(ids) {
  const before = accounts.peek();
  const now = new Map(ids.map((id) => [id, before.get(id) ?? new Account(id)]));
  accounts.value = now;
  try {
    await ask("watch", { accounts: ids });
    const fresh = ids.filter((id) => before.get(id) === undefined).map((id) => now.get(id));
    await Promise.all(fresh.map((account) => account.load()));
  } catch {
    // The connection has ended, and the next one begins anew; or somebody is gone, and "people" says so.
  }
}

effect(() => {
  const ids = wanted();
  const known = accounts.peek();
  if (connected.peek() && (ids.length !== known.size || ids.some((id) => !known.has(id)))) watch(ids);
});
