// What the sandbox tells of the bot, the count, faults, storms and recordings: one signal for each event.
import { computed, signal } from "@preact/signals";
import { ask, on } from "../link.js";

export const bot = signal({ ours: false });
export const count = signal({ account: null });
export const faults = signal([]);
export const commands = signal([]);
export const storm = signal({ running: false });
export const recording = signal({ steps: 0, left_out: [] });
export const steps = signal({ steps: [], files: false });
export const bots = signal([]);
/** What was refused last, in words; "" for nothing. */
export const problem = signal("");

on("bot", (told) => (bot.value = told));
on("count", (told) => (count.value = told));
on("faults", (told) => (faults.value = told.faults));
on("commands", (told) => (commands.value = told.commands));
on("storm", (told) => (storm.value = told));
on("recording", (told) => (recording.value = told));
on("steps", (told) => (steps.value = told));
on("reload", () => location.reload());
on("people", (told) => (bots.value = told.bots));

/** The bot that faults are aimed at: {id, name, username}; null without one. */
export const aimed = computed(() => bots.value.find(({ id }) => id === count.value.account) ?? null);

/** Do something; show why if it is refused. Resolves to the result, undefined if it was refused. */
export async function attempt(name, values) {
  try {
    const result = await ask(name, values);
    problem.value = "";
    return result;
  } catch (refused) {
    problem.value = refused.message;
    return undefined;
  }
}

const times = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** A time of day of a unix time. */
export function clock(seconds) {
  return times.format(seconds * 1000);
}
