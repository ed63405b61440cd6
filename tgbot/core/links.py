"""Telegram links and start payloads: build them, strictly. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from tgbot.core.derived import derived_key
from tgbot.core.errors import LinkError
from tgbot.core.ids import bare_id, is_channel

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

USERNAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{2,31}")
PAYLOAD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Digits alone are a phone number.
INVITE: Final = re.compile(r"(?![0-9]*$)[A-Za-z0-9_-]{1,64}")
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


def build(target: Target, *, app: bool = False) -> str:
    """Return the link to a target: for a browser, or for the app (tg://) directly; raise LinkError."""
    name, post = target.username, target.post
    if name is not None and post is not None:
        in_app, on_web = f"resolve?domain={check_username(name)}&post={post}", f"{name}/{post}"
    elif name is not None:
        query = _start_query(target)
        in_app = "&".join([f"resolve?domain={check_username(name)}", *query])
        on_web = f"{name}?{'&'.join(query)}" if query else name
    elif target.invite is not None:
        check_invite(target.invite)
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
    if not USERNAME.fullmatch(name):
        raise LinkError(shown(name), "a username is 3 to 32 letters, digits and _, and begins with a letter")
    return name


def check_invite(invite: str) -> str:
    """Return the invitation, which is what follows `t.me/+`; raise LinkError for what cannot be one."""
    if not INVITE.fullmatch(invite):
        raise LinkError(shown(invite), "not an invitation")
    return invite


def rights_in(text: str) -> tuple[str, ...]:
    """Return the rights of an administrator in a list with white space, commas or + between them."""
    return tuple(filter(None, re.split(r"[\s,+]+", text.lower())))


def check_payload(payload: str) -> str:
    """Return the payload if apps pass it on; raise LinkError if not."""
    if len(payload) > PAYLOAD_LENGTH:
        why = f"{len(payload)} characters, and apps drop more than {PAYLOAD_LENGTH}"
        raise LinkError("start payload", why)
    if not PAYLOAD.fullmatch(payload):
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
            raise LinkError(shown(right), f"not a right of an administrator; the rights are {known}")
    return rights


def shown(text: str) -> str:
    """Return what somebody typed as an error shows it."""
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
