// Links that open something in Telegram: t.me/… and tg://…, typed, pasted or clicked.

const NAME = /^[a-z]\w{3,31}$/i;

/** Return the URL that a link means, null if it is none; a link of Telegram may lack its scheme. */
function parsed(text) {
  try {
    return new URL(/^[a-z][a-z0-9+.-]*:/i.test(text) ? text : `https://${text}`);
  } catch {
    return null;
  }
}

const named = (name, values) =>
  NAME.test(name ?? "")
    ? {
        to: "name",
        name,
        start: values.get("start"),
        startgroup: values.get("startgroup"),
        startchannel: values.has("startchannel"),
        admin: values.get("admin") ?? "",
        text: values.get("text"),
        post: Number(values.get("post")) || null,
      }
    : null;
const invited = (hash) => (hash ? { to: "invite", hash } : null);

/**
 * Return what a link opens: {to: "name", name, start, startgroup, …}, {to: "invite", hash},
 * {to: "user", id}; null if it is no link of Telegram.
 */
export function read(text) {
  const url = parsed(text.trim());
  if (url === null) return null;
  const values = url.searchParams;
  if (url.protocol === "tg:") {
    // tg:resolve?… is the same as tg://resolve?…
    const verb = url.host || url.pathname.replace(/^\/*/, "");
    if (verb === "resolve") return named(values.get("domain"), values);
    if (verb === "join") return invited(values.get("invite"));
    if (verb === "user") return { to: "user", id: Number(values.get("id")) };
    return null;
  }
  if (!/^https?:$/.test(url.protocol)) return null;
  const host = url.hostname.replace(/^www\./, "");
  if (/^[a-z]\w{3,31}\.t\.me$/i.test(host)) return named(host.split(".")[0], values);
  if (host !== "t.me" && host !== "telegram.me" && host !== "telegram.dog") return null;
  const [first = "", second = ""] = url.pathname.split("/").filter(Boolean);
  if (first.startsWith("+")) return invited(first.slice(1));
  if (first === "joinchat") return invited(second);
  const found = named(first, values);
  if (found !== null && /^\d+$/.test(second)) found.post = Number(second);
  return found;
}

/** Return whether an address may be opened in the browser. */
export const opens = (address) => /^(?:https?|mailto|tel):/i.test(address);
