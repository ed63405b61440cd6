"""Users as an export writes them, read and checked in one step.

What is in any other form is left to `fields`, which says what is wrong with it. What is read here comes out
the same there, in many times the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from tgbot.core.users import HISTORY_LENGTH, LANGUAGE
from tgbot.store.json_text import UNREADABLE
from tgbot.store.transfer.fields import LANGUAGE_CODE, digits
from tgbot.store.user_json import Number, StoredUser


class ExportedUser(StoredUser, forbid_unknown_fields=True, gc=False):
    """A user with what an export adds: the bot's id, and what the session has of the user."""

    bot_id: Number = 0
    #: As text, since it takes 64 bits; a number once it is checked.
    access_hash: int | str = 0
    hash_seen: Number | None = None
    hash_usernames: tuple[str, ...] | None = None
    hash_name: str = ""
    hash_phone: str = ""


_decode: Final = msgspec.json.Decoder(ExportedUser).decode


def from_line(line: str | bytes, latest: int, bot_id: int) -> ExportedUser | None:
    """Return the user of a line of JSON; None for one that is not as an export of this bot wrote it.

    `latest` is the latest time that there may be.
    """
    try:
        read = _decode(line)
    except UNREADABLE:
        return None
    return read if is_sound(read, latest, bot_id) else None


def from_values(given: Mapping[str, object], latest: int, bot_id: int) -> ExportedUser | None:
    """Return the user of an object in a list in the same way."""
    try:
        read = msgspec.convert(given, ExportedUser, str_keys=True)
    except UNREADABLE:
        return None
    return read if is_sound(read, latest, bot_id) else None


def is_sound(read: ExportedUser, latest: int, bot_id: int) -> bool:
    """Return whether the user is as the registry would keep them, and of this bot."""
    if not 0 < read.id < 2**63 or read.bot_id not in (0, bot_id) or read.bot or read.deleted:
        return False
    if read.data or read.talks:
        return False  # few users have any
    if read.language_at > latest or read.first_seen > latest or read.last_seen > latest:
        return False
    for at in read.known_by.values():
        if at > latest:
            return False
    for span in read.evidence.values():
        at = span[-1].at
        if at > latest or (len(span) > 1 and span[0].at >= at):
            return False
    for name in read.usernames + (read.hash_usernames or ()):
        if name.startswith("@"):
            return False
    if read.preferences:
        language = read.preferences.get(LANGUAGE)
        if not read.current or (language is not None and not LANGUAGE_CODE.fullmatch(language)):
            return False
    if read.join_requests and (len(read.join_requests) > 1 or max(read.join_requests.values()) > latest):
        return False
    if read.history and (
        len(read.history) > HISTORY_LENGTH or any(not 0 <= at <= latest for at, _, _ in read.history)
    ):
        return False
    return not read.access_hash or _has_a_sound_hash(read, latest)


def _has_a_sound_hash(read: ExportedUser, latest: int) -> bool:
    found = digits(read.access_hash)
    if type(found) is not int or not -(2**63) <= found < 2**63 or (read.hash_seen or 0) > latest:
        return False
    read.access_hash = found
    return True
