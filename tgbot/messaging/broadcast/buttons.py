"""The link buttons under a broadcast, and the start payloads that count who used one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from telethon.tl import types

from tgbot.core import addresses
from tgbot.core.broadcasterrors import ContentError
from tgbot.core.broadcasts import Broadcast, Button
from tgbot.core.deliveries import BUTTONS
from tgbot.core.errors import LinkError
from tgbot.core.links import LinkKind, bot_link, check_payload, pack, unpack

#: The longest text of a button, the most buttons of a message, and the most whose clicks are counted: a
#: recipient's clicks are the bits of a byte.
TEXT_LENGTH: Final = 64
MOST: Final = 100
MOST_COUNTED: Final = BUTTONS
#: How the link of a button whose clicks are counted may be written.
_START: Final = "start"
_SCHEMES: Final = frozenset({"http", "https", "tg"})
#: What a payload of a broadcast begins with, and how much of the salt is in it.
_MARK: Final = "b"
_SALT_BITS: Final = 0xFFF
#: Stands for the number of a broadcast that has none yet.
_ANY_NUMBER: Final = 10**7


class Click(NamedTuple):
    """Who wrote `/start` with such a payload used this button."""

    broadcast: int
    salt: int
    #: The zero-based index among the buttons whose clicks are counted.
    button: int
    #: What the link carries beside: the payload that was given for the button.
    payload: str

    def is_of(self, broadcast: Broadcast) -> bool:
        """Return whether this broadcast has the button."""
        return broadcast.salt & _SALT_BITS == self.salt and self.button < len(counted(broadcast.buttons))


def checked(given: Iterable[tuple[str, str]], username: str) -> tuple[Button, ...]:
    """Return the buttons with these texts and links; raise ContentError for what Telegram does not take.

    The clicks on a link to start the bot itself are counted: `start`, `start:PAYLOAD` or a t.me link to it.
    """
    buttons = tuple(_button(text.strip(), link.strip(), username) for text, link in given)
    if len(buttons) > MOST:
        raise ContentError(f"it has {len(buttons)} buttons", f"give at most {MOST}")
    if len(counted(buttons)) > MOST_COUNTED:
        raise ContentError(
            f"it has {len(counted(buttons))} buttons whose clicks are counted",
            f"give at most {MOST_COUNTED} with a start link",
        )
    return buttons


def counted(buttons: Iterable[Button]) -> list[Button]:
    """Return the buttons whose clicks are counted."""
    return [button for button in buttons if not button.url]


def markup(broadcast: Broadcast, username: str, key: bytes) -> types.ReplyInlineMarkup | None:
    """Return the buttons as Telegram takes them, one in each row; None if there are none."""
    index = 0
    rows: list[types.KeyboardInlineButtonRow] = []
    for button in broadcast.buttons:
        url = button.url
        if not url:
            payload = _payload(broadcast.id, broadcast.salt, index, button.payload, key)
            url = bot_link(LinkKind.START, username, payload).web
            index += 1
        shown = types.KeyboardInlineButton(button.text, types.InlineButtonTypeUrl(url))
        rows.append(types.KeyboardInlineButtonRow([shown]))
    return types.ReplyInlineMarkup(rows) if rows else None


def click(payload: str, key: bytes) -> Click | None:
    """Return which button a start payload is of; None for any other payload."""
    try:
        values = unpack(payload, key)
    except LinkError:
        return None
    if len(values) != 5 or values[0] != _MARK:
        return None
    _, broadcast, salt, button, given = values
    if not (isinstance(broadcast, int) and isinstance(salt, int) and isinstance(button, int)):
        return None
    return Click(broadcast, salt, button, str(given))


def _button(text: str, link: str, username: str) -> Button:
    if not text:
        raise ContentError("a button has no text", "give each button a text and a link")
    if len(text) > TEXT_LENGTH:
        raise ContentError(
            f"the text of a button has {len(text)} characters", f"shorten it to {TEXT_LENGTH} at most"
        )
    payload = _start_payload(link, username)
    if payload is not None:
        _check(payload, username)
        return Button(text, payload=payload)
    try:
        parts = urlsplit(link)
        valid = parts.scheme in _SCHEMES and bool(parts.netloc) and not any(map(str.isspace, link))
    except ValueError:
        valid = False
    if not valid:
        raise ContentError(
            "the link of a button is no http, https or tg link",
            f"write it in full, such as https://example.com, or {_START}:PAYLOAD for a start of this bot",
        )
    return Button(text, link)


def _start_payload(link: str, username: str) -> str | None:
    """Return the payload of a link that starts this bot, None for any other link."""
    if link == _START:
        return ""
    if link.startswith(f"{_START}:"):
        return link.removeprefix(f"{_START}:")
    with suppress(LinkError):
        target = addresses.parse(link)
        if target.start is not None and username and (target.username or "").lower() == username.lower():
            return target.start
    return None


def _check(payload: str, username: str) -> None:
    if not username:
        raise ContentError(
            "a button starts the bot, which has no username", "give it one at @BotFather, or leave it out"
        )
    try:
        if payload:
            check_payload(payload)
        _payload(_ANY_NUMBER, _SALT_BITS, MOST_COUNTED, payload, b"")
    except LinkError as error:
        raise ContentError(
            "the payload of a start link is too long, or has characters that no link carries",
            "use up to 30 of A-Z a-z 0-9 _ -",
        ) from error


def _payload(number: int, salt: int, button: int, payload: str, key: bytes) -> str:
    return pack(_MARK, number, salt & _SALT_BITS, button, payload, key=key)
