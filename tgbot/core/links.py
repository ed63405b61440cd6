"""Telegram links and start payloads: parse and build. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import unquote

from tgbot.core.errors import LinkError
from tgbot.core.ids import bare_id, is_channel, marked_channel
from tgbot.core.keys import derived_key

#: The longest start payload; apps drop a longer one silently.
PAYLOAD_LENGTH: Final = 64
#: Rights that a link may ask for when it adds the bot as an administrator.
ADMIN_RIGHTS: Final = frozenset(
    (
        *("change_info", "delete_messages", "restrict_members", "invite_users", "pin_messages", "anonymous"),
        *("post_messages", "edit_messages", "post_stories", "edit_stories", "delete_stories", "manage_chat"),
        *("manage_topics", "manage_video_chats", "manage_direct_messages", "promote_members"),
    )
)

_USERNAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,31}")
_PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Digits alone are a phone number.
_INVITE: Final = re.compile(r"(?![0-9]*$)[A-Za-z0-9_-]{1,64}")
_ID: Final = re.compile(r"-?[0-9]{1,19}")
_WEB: Final = re.compile(
    r"(?:https?://)?((?:[a-z0-9_-]+\.)?t\.me|(?:www\.)?telegram\.(?:me|dog))(?=[/?#]|$)", re.I
)
_APP: Final = re.compile(r"tg:(?://)?", re.IGNORECASE)
#: First parts of a t.me path that are no username.
_RESERVED: Final = re.compile(
    r"a|add(emoji|list|stickers|theme)|auction|bg|boost|call|confirmphone|contact|folder|giftcode|invoice|iv"
    r"|joinchat|k|login|m|msg|nft|proxy|resolve|setlanguage|share|socks|stargift|web|z",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")
#: A number in a packed payload: seven bits a byte, the low ones first; the last byte has no high bit.
_VARINT: Final = re.compile(rb"[\x80-\xff]*[\x00-\x7f]")
_SIGNATURE_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Target:
    """What a link leads to: a username, an id, or an invitation; and what to do there."""

    username: str | None = None
    #: A user id, or the marked id of a chat (negative).
    id: int | None = None
    invite: str | None = None
    #: The id of the message that the link leads to.
    post: int | None = None
    #: The payload of a start link, "" for a start without one.
    start: str | None = None
    #: The payload of a link that adds the bot to a group, "" for none.
    group: str | None = None
    #: The link adds the bot to a channel.
    channel: bool = False
    #: The rights that such a link asks for, in a group or channel.
    admin: tuple[str, ...] = ()


class LinkKind(StrEnum):
    """What a link to the bot does."""

    #: Begin a private chat.
    START = "start"
    #: Add the bot to a group.
    GROUP = "startgroup"
    #: Add the bot to a channel, as an administrator.
    CHANNEL = "startchannel"


class BotLink(NamedTuple):
    """A link to the bot in each of its forms."""

    #: For browsers (https).
    web: str
    #: For the app (tg).
    app: str
    #: The message to type instead, because some apps lose the payload; None where there is none.
    typed: str | None


def parse(text: str) -> Target:
    """Return what a t.me or tg:// link, @name, bare name or id leads to; raise LinkError for other text."""
    what = text.strip()
    if _ID.fullmatch(what):
        return Target(id=_int(what, text))
    if web := _WEB.match(what):
        return _target(*_as_in_app(web[1].lower(), what[web.end() :]), text)
    if app := _APP.match(what):
        action, query = _split(what[app.end() :])
        return _target(action.strip("/").lower(), query, text)
    name = what.removeprefix("@")
    if _USERNAME.fullmatch(name):
        return Target(username=name)
    raise LinkError(_shown(text), "not an @name, an id or a link to t.me or tg://")


def build(target: Target, *, app: bool = False) -> str:
    """Return the link to what `parse` returned: for a browser, or for the app (tg://) directly."""
    name, post = target.username, target.post
    if name is not None and post is not None:
        in_app, on_web = f"resolve?domain={check_username(name)}&post={post}", f"{name}/{post}"
    elif name is not None:
        query = _start_query(target)
        in_app = "&".join([f"resolve?domain={check_username(name)}", *query])
        on_web = f"{name}?{'&'.join(query)}" if query else name
    elif target.invite is not None:
        _check_invite(target.invite, target.invite)
        in_app, on_web = f"join?invite={target.invite}", f"+{target.invite}"
    elif target.id is not None and target.id > 0:
        return f"tg://user?id={target.id}"
    elif target.id is not None and is_channel(target.id) and post is not None:
        channel = bare_id(target.id)
        in_app, on_web = f"privatepost?channel={channel}&post={post}", f"c/{channel}/{post}"
    else:
        raise LinkError("this target", "a link needs a username, an invitation or a user id")
    return f"tg://{in_app}" if app else f"https://t.me/{on_web}"


def bot_link(kind: LinkKind, bot: str, payload: str = "", rights: tuple[str, ...] = ()) -> BotLink:
    """Return the link of a kind to the bot with this username, in each of its forms.

    Raise LinkError for a payload or rights that a link of this kind cannot carry.
    """
    typed: str | None
    if kind is LinkKind.START:
        if rights:
            raise LinkError(" ".join(rights)[:80], "nobody has rights in a private chat")
        target, typed = Target(username=bot, start=payload or None), f"/start {payload}"
    elif kind is LinkKind.GROUP:
        target, typed = Target(username=bot, group=payload, admin=rights), f"/start@{bot} {payload}"
    else:
        if payload:
            raise LinkError("start payload", "no payload is sent to a channel")
        target, typed = Target(username=bot, channel=True, admin=rights), None
    return BotLink(build(target), build(target, app=True), typed and typed.rstrip())


def check_username(name: str) -> str:
    """Return the name if it can be a username (without @); raise LinkError if not."""
    if not _USERNAME.fullmatch(name):
        raise LinkError(_shown(name), "a username is 3 to 32 letters, digits and _, and begins with a letter")
    return name


def check_payload(payload: str) -> str:
    """Return the payload if apps pass it on; raise LinkError if not."""
    if len(payload) > PAYLOAD_LENGTH:
        why = f"{len(payload)} characters, and apps drop more than {PAYLOAD_LENGTH}"
        raise LinkError("start payload", why)
    if not _PAYLOAD.fullmatch(payload):
        raise LinkError("start payload", "only A-Z a-z 0-9 _ - are passed on, and at least one of them")
    return payload


def pack(*values: int | str, key: bytes | None = None) -> str:
    """Return a start payload that holds small values; with a key, only its owner can make or change one.

    64 characters hold 47 bytes of values (39 when signed): a small number takes one or two, a text its bytes
    and one or two. Everyone can read the values. Raise LinkError if they do not fit.
    """
    body = b"".join(_packed(value) for value in values)
    whole = b"\x01" + body if key is None else b"\x02" + body
    if key is not None:
        whole += hmac.new(key, b"tgbot start payload\0" + whole, hashlib.sha256).digest()[:_SIGNATURE_BYTES]
    payload = base64.urlsafe_b64encode(whole).rstrip(b"=").decode()
    if len(payload) > PAYLOAD_LENGTH:
        raise LinkError("start payload", f"the values take {len(payload)} characters of {PAYLOAD_LENGTH}")
    return payload


def sign(typed: str, key: bytes) -> str:
    """Return a signed payload that holds what somebody typed; `unpack` with the key returns it.

    A whole number becomes a number, which takes fewer characters; one that begins with 0 stays a text.
    """
    return pack(int(typed) if _NUMBER.fullmatch(typed) else typed, key=key)


def unpack(payload: str, key: bytes | None = None) -> tuple[int | str, ...]:
    """Return the values that `pack` was given; raise LinkError for other text and other keys."""
    check_payload(payload)
    try:
        whole = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    except ValueError as error:
        raise LinkError("start payload", "not made by pack") from error
    values = tuple(_values(whole if key is None else whole[:-_SIGNATURE_BYTES]))
    # Packing again checks the signature and finds a second spelling, in base64 or in the values.
    if not hmac.compare_digest(pack(*values, key=key), payload):
        why = "not made by pack, or cut off" if key is None else "it is not signed by this bot"
        raise LinkError("start payload", why)
    return values


def signing_key(bot_token: str) -> bytes:
    """Return the key for `pack` and `unpack` that belongs to a bot's token, always the same.

    The token cannot be computed from the key, which serves start payloads only. After a new token, payloads
    signed before are refused.
    """
    return derived_key(bot_token, "start payloads")


def _as_in_app(host: str, path: str) -> tuple[str, dict[str, str]]:
    """Return the action and query of the tg:// link that a web link stands for, "" for one without."""
    path, query = _split(path)
    parts = [unquote(part) for part in path.split("/") if part]
    if host.endswith(".t.me") and host != "www.t.me":
        parts.insert(0, host.removesuffix(".t.me"))
    elif parts[:1] == ["s"]:
        del parts[0]
    first, *more = parts or [""]
    if first.startswith("+"):
        return "join", {"invite": first[1:]}
    if first.lower() == "joinchat":
        return "join", {"invite": "".join(more[:1])}
    if first == "c" and len(more) >= 2:
        return "privatepost", {"channel": more[0], "post": more[-1]}
    if _RESERVED.fullmatch(name := first.removeprefix("@")):
        return "", {}
    if more and more[-1].isascii() and more[-1].isdigit():
        return "resolve", {"domain": name, "post": more[-1]}
    return "resolve", {key: value for key, value in query.items() if key != "post"} | {"domain": name}


def _target(action: str, query: dict[str, str], text: str) -> Target:
    if action == "resolve" and _USERNAME.fullmatch(query.get("domain", "")):
        return _with_start(query["domain"], query, text)
    if action == "privatepost":
        channel = _number(query.get("channel", ""), text)
        return Target(id=marked_channel(channel), post=_number(query.get("post", ""), text))
    if action == "join":
        return Target(invite=_check_invite(query.get("invite", ""), text))
    for form, key in (("user", "id"), ("openmessage", "user_id")):
        if action == form and _ID.fullmatch(query.get(key, "")):
            return Target(id=_int(query[key], text))
    raise LinkError(_shown(text), "the link leads to no user, bot, group or channel")


def _with_start(name: str, query: dict[str, str], text: str) -> Target:
    admin = tuple(right for right in query.get("admin", "").split("+") if right)
    if "post" in query:
        return Target(username=name, post=_number(query["post"], text))
    if "start" in query:
        return Target(username=name, start=query["start"] and check_payload(query["start"]))
    if "startgroup" in query:
        payload = query["startgroup"]
        return Target(username=name, group=payload and check_payload(payload), admin=_rights(admin))
    if "startchannel" in query:
        return Target(username=name, channel=True, admin=_rights(admin))
    return Target(username=name)


def _start_query(target: Target) -> list[str]:
    if target.start is not None:
        return ["start=" + (target.start and check_payload(target.start))]
    query = []
    if target.group is not None:
        query.append("startgroup=" + (target.group and check_payload(target.group)))
    elif target.channel:
        query.append("startchannel")
    if query and target.admin:
        query.append("admin=" + "+".join(_rights(target.admin)))
    return query


def _rights(rights: tuple[str, ...]) -> tuple[str, ...]:
    for right in rights:
        if right not in ADMIN_RIGHTS:
            known = " ".join(sorted(ADMIN_RIGHTS))
            raise LinkError(_shown(right), f"not a right of an administrator; the rights are {known}")
    return rights


def _check_invite(invite: str, text: str) -> str:
    if not _INVITE.fullmatch(invite):
        raise LinkError(_shown(text), "not an invitation (links with phone numbers are not looked up)")
    return invite


def _split(rest: str) -> tuple[str, dict[str, str]]:
    # Not parse_qs: in these links "+" is itself.
    path, _, query = rest.partition("#")[0].partition("?")
    pairs = (part.partition("=") for part in query.split("&") if part)
    return path, {unquote(key): unquote(value) for key, _, value in pairs}


def _int(number: str, text: str) -> int:
    if -(2**63) <= int(number) < 2**63 and int(number):
        return int(number)
    raise LinkError(_shown(text), "not an id: ids are 64-bit numbers other than 0")


def _number(number: str, text: str) -> int:
    if number.isascii() and number.isdigit() and len(number) <= 15 and int(number):
        return int(number)
    raise LinkError(_shown(text), "the link leads to no message")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:79] + "…")


def _packed(value: int | str) -> bytes:
    # The two low bits of the leading number: 0 a number, 1 a negative one, 2 a text of that many bytes.
    if isinstance(value, str):
        try:
            text = value.encode()
        except UnicodeEncodeError as error:
            raise LinkError("start payload", "the text is not valid Unicode") from error
        return _varint(len(text) << 2 | 2) + text
    return _varint(value << 2 if value >= 0 else -value - 1 << 2 | 1)


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _values(body: bytes) -> Iterator[int | str]:
    """Yield the values of a payload; what is malformed gives values that are packed differently."""
    at = 1
    while match := _VARINT.match(body, at):
        number = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(match[0]))
        tag, number, at = number & 3, number >> 2, match.end()
        if tag < 2:
            yield -number - 1 if tag else number
        else:
            yield body[at : at + number].decode(errors="replace")
            at += number
