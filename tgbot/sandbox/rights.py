"""Rights in a chat: what admins may do, and what is forbidden to members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from telethon.tl import TLObject, types

#: The date that stands for "forever" in rights.
FOREVER: Final = 0x7FFFFFFF
#: A ban for less or for longer than this many seconds is one for ever.
_SHORTEST: Final = 30
_LONGEST: Final = 366 * 86_400

#: The names of all rights that can be forbidden, of all rights of admins, and of the rights to send.
FORBIDDABLE: Final = tuple(name for name in vars(types.ChatBannedRights(None)) if name != "until_date")
ADMIN: Final = tuple(vars(types.ChatAdminRights()))
SENDS: Final = tuple(name for name in FORBIDDABLE if name.startswith("send_"))


@dataclass(slots=True, eq=False)
class Restriction:
    """What is forbidden to one user of a channel: everything (a ban), or some of it."""

    rights: types.ChatBannedRights
    by: int
    date: int
    #: The time of its end, `FOREVER` for none.
    until: int

    @property
    def banned(self) -> bool:
        """Whether the user cannot even see the chat."""
        return bool(self.rights.view_messages)


def ends(until: int, now: int) -> int:
    """Return when a restriction ends: one that is very short or very long never does."""
    return until if _SHORTEST <= until - now <= _LONGEST else FOREVER


def forbidden(rights: types.ChatBannedRights, until: int) -> types.ChatBannedRights:
    """Return rights as Telegram gives them out: what includes others has them set, too."""
    names = {name for name in FORBIDDABLE if getattr(rights, name)}
    if "view_messages" in names:
        names = set(FORBIDDABLE)
    if "send_messages" in names:
        names |= {*SENDS, "embed_links"}
    if "send_media" in names:
        names |= {f"send_{kind}" for kind in ("photos", "videos", "roundvideos", "audios", "voices", "docs")}
    return types.ChatBannedRights(until, **dict.fromkeys(sorted(names), True))


def with_right(rights: types.ChatBannedRights, name: str) -> types.ChatBannedRights:
    """Return what is forbidden, and one right more."""
    names = [each for each in FORBIDDABLE if each == name or getattr(rights, each)]
    return types.ChatBannedRights(rights.until_date, **dict.fromkeys(names, True))


def any_of(rights: TLObject, names: tuple[str, ...]) -> bool:
    """Return whether any of these rights is set."""
    return any(getattr(rights, name) for name in names)


def full_admin() -> types.ChatAdminRights:
    """Return the rights of a creator."""
    return types.ChatAdminRights(**dict.fromkeys([name for name in ADMIN if name != "anonymous"], True))
