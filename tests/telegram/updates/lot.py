"""Parked updates in memory, which a client writes at no checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

from tgbot.store.base import Parked


class Lot:
    """`ParkedUpdates` that live as long as the test."""

    def __init__(self) -> None:
        self.kept: dict[str, Parked] = {}

    def park(self, entry: Parked) -> None:
        self.kept[entry.key] = entry

    def get(self, key: str) -> Parked | None:
        return self.kept.get(key)

    def drop(self, key: str) -> bool:
        return self.kept.pop(key, None) is not None

    def due(self, now: float) -> list[str]:
        times = sorted((at, key) for key, entry in self.kept.items() if (at := entry.retry_at) is not None)
        return [key for at, key in times if at <= now]

    def next_due(self) -> int | None:
        return min((at for entry in self.kept.values() if (at := entry.retry_at) is not None), default=None)

    def entries(self) -> Iterator[Parked]:
        yield from sorted(self.kept.values(), key=lambda entry: entry.parked_at)
