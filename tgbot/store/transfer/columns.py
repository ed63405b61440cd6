"""Which column of a table, or field of an object, is which of ours; other programs have other names. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

#: Names of the column with the ids of users: those that name Telegram, those of users, and the least certain
#: one, which may as well number the rows. Within a line the first is preferred.
_IDS: Final = (
    ("telegram_user_id", "telegram_id", "tg_user_id", "tg_id", "telegramid", "tgid"),
    ("user_id", "userid", "chat_id", "chatid", "peer_id", "from_id", "from_user_id", "sender_id", "uid"),
    ("id",),
)
#: Names that other programs use → ours.
_ALSO: Final = {
    "username": "usernames",
    "user_name": "usernames",
    "firstname": "first_name",
    "lastname": "last_name",
    "surname": "last_name",
    "lang": "language",
    "locale": "language",
    "lang_code": "language",
    "language_code": "language",
    "is_premium": "premium",
    "is_bot": "bot",
    "is_deleted": "deleted",
}


class Layout(NamedTuple):
    """Where in the names of a header what stands, as indexes."""

    #: Those that may be the id, the preferred one first.
    ids: tuple[int, ...]
    #: Our name → its place, without the id.
    fields: dict[str, int]
    #: Whether the name of the id says that it is Telegram's, or somebody chose it.
    certain: bool

    def others(self, count: int) -> list[int]:
        """Return the places of the `count` names that are none of ours."""
        return sorted(set(range(count)) - set(self.ids) - set(self.fields.values()))


def plain(name: str) -> str:
    """Return a name as ours are written: "User ID", "userId" and "user-id" are user_id."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip().strip("\"'`"))
    return re.sub(r"[\W_]+", "_", name).strip("_").lower()


@lru_cache(maxsize=256)
def layout(names: tuple[str, ...], ours: Collection[str], chosen: str = "") -> Layout:
    """Return what stands where under these names; `ours` are the fields that there are.

    `chosen` is the name of the id's column, where it was given.
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(plain(name), []).append(place)
    wanted: Sequence[Sequence[str]] = [[plain(chosen)]] if chosen else _IDS
    tiers = [[place for name in tier for place in places.get(name, ())] for tier in wanted]
    ids = next(filter(None, tiers), [])
    fields = {name: places[name][0] for name in ours if name in places and name != "id"}
    for other, name in _ALSO.items():
        if other in places and name in ours:
            fields.setdefault(name, places[other][0])
    return Layout(tuple(ids), fields, bool(chosen or tiers[0]))
