"""Who the bot's admins are; a reload of the configuration may change that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set


class Admins(Set[int]):
    """The user ids of the bot's admins, as they are at this moment."""

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._ids = frozenset(ids)

    def become(self, ids: Iterable[int]) -> None:
        """Have these admins from now on."""
        self._ids = frozenset(ids)

    def __contains__(self, user_id: object) -> bool:
        return user_id in self._ids

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)
