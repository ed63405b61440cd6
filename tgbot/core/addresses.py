"""What people type and paste to name somebody: names, ids and links, read generously. Pure.

Links are built strictly (`links`). Here the name counts: odd things around it, and what the rest of a link
says wrongly, are passed over.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

from tgbot.core.errors import InvitationError, LinkError, PhoneNumberError
from tgbot.core.ids import marked_channel
from tgbot.core.links import ADMIN_RIGHTS, INVITE, PAYLOAD, USERNAME, Target, rights_in, shown
from tgbot.core.names import GAP, UNSEEN

#: What can be around a name or link in a text: quotes, brackets, the end of a sentence, marks of bold text.
_AROUND: Final = GAP + "'\"`´<>()[]{}.,;:!?…*|«»‹›“”„‟‘’‚‛、。，「」『』【】"
#: Dropped are characters that nobody sees; dashes and full-width letters become those of ASCII.
_PLAIN: Final = (
    dict.fromkeys(map(ord, UNSEEN + "\u200c\u200d\ufe0e\ufe0f"))
    | dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-")
    | {0xFEE0 + code: chr(code) for code in range(0x21, 0x7F)}
)
_ID: Final = re.compile(r"(?:(?:user[ _]?)?id\s*[:=]\s*)?(-?[0-9]{1,19})", re.IGNORECASE)
#: Digits with a plus, or grouped as phone numbers are.
_PHONE: Final = re.compile(r"(?=.*[+() /.-])\+?\(?[0-9][0-9() /.\s-]{5,25}")
_DIGITS: Final = re.compile(r"[0-9]+")
_SCHEME: Final = r"(?:(?:https?:)?/{0,2})?"
_END: Final = r"\.?(?::[0-9]+)?(?=[/?#]|$)"
_WEB: Final = re.compile(
    rf"{_SCHEME}(?:www\.)?((?:[a-z0-9_-]+\.)?t\.me|telegram\.(?:me|dog)){_END}", re.IGNORECASE
)
_APP: Final = re.compile(r"tg:/{0,2}", re.IGNORECASE)
#: Telegram in a browser.
_CLIENT: Final = re.compile(rf"{_SCHEME}web[akz]?\.telegram\.org{_END}", re.IGNORECASE)
#: The chat that it shows, after the #: a name, an id, or as older versions write it.
_SHOWN_CHAT: Final = re.compile(
    r"(?:/?im\?p=)?(?:@(?P<name>\w+)|(?P<id>-?[0-9]+)|u(?P<user>[0-9]+)_|[cs](?P<channel>[0-9]+)_)"
)
_LINKS: Final = (_WEB, _APP, _CLIENT)
#: What is between an address and the words around it.
_BETWEEN: Final = re.compile(r"[\s<>()\[\]]+")
#: First parts of a t.me path that are no username.
_RESERVED: Final = re.compile(
    r"a|add(emoji|list|stickers|theme)|auction|bg|boost|call|confirmphone|contact|folder|giftcode|invoice|iv"
    r"|joinchat|k|login|m|msg|nft|proxy|resolve|setlanguage|share|socks|stargift|web|z",
    re.IGNORECASE,
)


def parse(text: str) -> Target:
    """Return what a t.me or tg:// link, @name, bare name or id leads to; or the only one of several words.

    Raise InvitationError for an empty invitation, PhoneNumberError for a phone number or a link with one, and
    LinkError for other text that names nobody, or several.
    """
    try:
        return _one(text)
    except LinkError:
        found = set()
        for word in _BETWEEN.split(text.translate(_PLAIN)):
            if word.startswith("@") or any(form.match(word) for form in _LINKS):
                with suppress(LinkError):
                    found.add(_one(word))
        if len(found) != 1:
            raise
        return found.pop()


def _one(text: str) -> Target:
    what = text.translate(_PLAIN).replace("&amp;", "&").strip(_AROUND)
    if "%" in what and not any(form.match(what) for form in _LINKS):
        what = unquote(what).strip(_AROUND)
    if number := _ID.fullmatch(what):
        return Target(id=_id(number[1], text))
    if _PHONE.fullmatch(what):
        raise PhoneNumberError(shown(text))
    if web := _WEB.match(what):
        return _target(*_as_in_app(web[1].lower(), what[web.end() :]), text)
    if app := _APP.match(what):
        action, query = _split(what[app.end() :])
        return _target(action.strip("/").lower(), query, text)
    if client := _CLIENT.match(what):
        return _in_browser(what[client.end() :], text)
    name = what.lstrip("@" + _AROUND)
    if USERNAME.fullmatch(name):
        return Target(username=name)
    raise LinkError(shown(text), "not an @name, an id or a link to t.me or tg://")


def parse_peer(text: str) -> Target:
    """Return the username or id that `parse` finds; raise InvitationError for an invitation."""
    target = parse(text)
    if target.invite is not None:
        raise InvitationError(shown(text))
    return target


def _as_in_app(host: str, path: str) -> tuple[str, dict[str, str]]:
    """Return the action and query of the tg:// link that a web link stands for, "" for one without."""
    path, query = _split(path)
    parts = [part for part in (unquote(part).strip(_AROUND) for part in path.split("/")) if part]
    if host.endswith(".t.me"):
        parts.insert(0, host.removesuffix(".t.me"))
    elif parts and parts[0].lower() in ("s", "boost"):
        del parts[0]
        if not parts and "c" in query:
            return "privatepost", {"channel": query["c"]}
    first, *more = parts or [""]
    if first.startswith("+"):
        return "join", {"invite": first[1:]}
    if first.lower() == "joinchat":
        return "join", {"invite": "".join(more[:1])}
    if first.lower() == "c" and more:
        return "privatepost", {"channel": more[0], "post": more[-1] if len(more) > 1 else ""}
    if _RESERVED.fullmatch(first.removeprefix("@")):
        return "", {}
    if more and _DIGITS.fullmatch(more[-1]):
        return "resolve", {"domain": first, "post": more[-1]}
    return "resolve", {key: value for key, value in query.items() if key != "post"} | {"domain": first}


def _target(action: str, query: dict[str, str], text: str) -> Target:
    name = query.get("domain", "").strip("@/" + _AROUND)
    if action == "resolve" and USERNAME.fullmatch(name):
        return _with_start(name, query)
    if action == "resolve" and "phone" in query:
        raise PhoneNumberError(shown(text))
    if action == "privatepost" and (channel := _post(query.get("channel", ""))):
        return Target(id=marked_channel(channel), post=_post(query.get("post", "")))
    if action == "join":
        invite = query.get("invite", "").strip(_AROUND)
        if _DIGITS.fullmatch(invite):
            raise PhoneNumberError(shown(text))
        if not INVITE.fullmatch(invite):
            raise InvitationError(shown(text))
        return Target(invite=invite)
    for form, key in (("user", "id"), ("openmessage", "user_id")):
        if action == form and (number := _ID.fullmatch(query.get(key, "").strip("/" + _AROUND))):
            return Target(id=_id(number[1], text))
    raise LinkError(shown(text), "the link leads to no user, bot, group or channel")


def _with_start(name: str, query: dict[str, str]) -> Target:
    """Return the target of a link to a name; of what follows the name, what makes no sense is left out."""
    if post := _post(query.get("post", "")):
        return Target(username=name, post=post)
    admin = tuple(right for right in rights_in(query.get("admin", "")) if right in ADMIN_RIGHTS)
    if "start" in query:
        return Target(username=name, start=_payload(query["start"]))
    if "startgroup" in query:
        return Target(username=name, group=_payload(query["startgroup"]), admin=admin)
    if "startchannel" in query:
        return Target(username=name, channel=True, admin=admin)
    return Target(username=name)


def _in_browser(rest: str, text: str) -> Target:
    """Return the chat that a link to Telegram in a browser shows."""
    _, _, place = unquote(rest).partition("#")
    _, _, link = place.partition("tgaddr=")
    if _APP.match(link):
        return parse(link)
    if chat := _SHOWN_CHAT.match(place):
        if chat["name"] and USERNAME.fullmatch(chat["name"]):
            return Target(username=chat["name"])
        if chat["channel"] and (channel := _post(chat["channel"])):
            return Target(id=marked_channel(channel))
        if number := chat["id"] or chat["user"]:
            return Target(id=_id(number, text))
    raise LinkError(shown(text), "the link leads to no user, bot, group or channel")


def _split(rest: str) -> tuple[str, dict[str, str]]:
    # Not parse_qs: in these links "+" is itself.
    path, _, query = rest.partition("#")[0].partition("?")
    pairs = (part.partition("=") for part in query.split("&") if part)
    return path, {unquote(key).lower(): unquote(value) for key, _, value in pairs}


def _id(number: str, text: str) -> int:
    if -(2**63) <= int(number) < 2**63 and int(number):
        return int(number)
    raise LinkError(shown(text), "not an id: ids are 64-bit numbers other than 0")


def _post(number: str) -> int | None:
    """Return the number of a message or channel, None for what is none."""
    return int(number) or None if _DIGITS.fullmatch(number) and len(number) <= 15 else None


def _payload(payload: str) -> str:
    """Return a payload; "" for one that apps do not pass on."""
    return payload if PAYLOAD.fullmatch(payload) else ""
