// How times, sizes and kinds are written.

const KINDS = {
  call: "call",
  answer: "answer",
  update: "update",
  service: "service message",
  connection: "connection",
  exchange: "auth key",
  page: "call on the page",
};

/** Return the words for a kind of row. */
export function kindOf({ kind }) {
  return KINDS[kind] ?? kind;
}

/** Return the arrow for a row: to the server, from the server, or neither. */
export function arrowOf({ kind, out }) {
  if (kind === "connection" || kind === "exchange") return "•";
  return out ? "←" : "→";
}

/** Return the time of day of a unix time, to the millisecond. */
export function clock(seconds) {
  const date = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Return a duration that is given in milliseconds. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "";
  if (ms < 0.995) return `${Math.round(ms * 1000)} µs`;
  if (ms < 99.5) return `${ms < 9.95 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

/** Return a number of bytes. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
