// The connection to the sandbox: `ask` for something, hear events with `on`.
import { signal } from "@preact/signals";

/** Whether the page is connected. */
export const connected = signal(false);

const listeners = new Map();
const waiting = new Map();
let socket = null;
let number = 0;
let pause = 100;

/** An error with which something was answered: its text is for a person; `name` and `code` are Telegram's. */
export class Refused extends Error {
  constructor({ text, name = "", code = 0 }) {
    super(text);
    this.name = name;
    this.code = code;
  }
}

/** Call `listener` with each event of this name. "open" comes after each (re)connection. Returns the function that ends it. */
export function on(event, listener) {
  if (!listeners.has(event)) listeners.set(event, new Set());
  listeners.get(event).add(listener);
  return () => listeners.get(event).delete(listener);
}

/** Ask the sandbox to do something; resolve to its result, or reject with Refused. */
export function ask(name, values = {}) {
  return new Promise((resolve, reject) => {
    if (socket === null || socket.readyState !== WebSocket.OPEN) {
      reject(new Refused({ text: "the sandbox is not connected" }));
      return;
    }
    number += 1;
    waiting.set(number, { resolve, reject });
    socket.send(JSON.stringify({ id: number, do: name, ...values }));
  });
}

/** Call one of Telegram's methods as an account; `request` is TL JSON, such as {_: "help.getConfig"}. */
export function call(account, request) {
  return ask("call", { as: account, call: request });
}

function tell(event, values) {
  for (const listener of listeners.get(event) ?? []) listener(values);
}

/** Connect, and connect again for as long as the page is open. */
export function connect() {
  const address = new URL("wire", location.href);
  address.protocol = "ws:";
  socket = new WebSocket(address);
  socket.onopen = () => {
    pause = 100;
    connected.value = true;
    tell("open", {});
  };
  socket.onmessage = ({ data }) => {
    const said = JSON.parse(data);
    if (said.event !== undefined) {
      tell(said.event, said);
      return;
    }
    const { resolve, reject } = waiting.get(said.id) ?? {};
    waiting.delete(said.id);
    if (resolve === undefined) return;
    if (said.error !== undefined) reject(new Refused(said.error));
    else resolve(said.result);
  };
  socket.onclose = () => {
    connected.value = false;
    for (const { reject } of waiting.values()) reject(new Refused({ text: "the connection has ended" }));
    waiting.clear();
    setTimeout(connect, pause);
    pause = Math.min(pause * 2, 3000);
  };
}
