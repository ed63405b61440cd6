"""Copies of a world to which the same world can go back: whoever holds it holds it afterwards, too."""

from __future__ import annotations

import pickle
from io import BytesIO
from typing import Any, Final

from .world import World

#: What belongs to the process and not to the state: the clock, and where the server is.
_STAYS: Final = ("_true_time", "clock_error", "horizon", "address", "dcs")


class _Pickler(pickle.Pickler):
    """Pickles a state; the world and its feeds stand in it by name."""

    def __init__(self, file: BytesIO, world: World) -> None:
        super().__init__(file, protocol=5)
        self._names = {id(world): "world", id(world.feeds): "feeds"}

    def persistent_id(self, obj: object) -> str | None:
        return self._names.get(id(obj))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BytesIO, world: World) -> None:
        super().__init__(file)
        self._named = {"world": world, "feeds": world.feeds}

    def persistent_load(self, pid: Any) -> object:
        return self._named[pid]


def copy_of(world: World) -> bytes:
    """Return the state of a world as it is now. Calls and presses that wait for an answer are not in it."""
    file = BytesIO()
    _Pickler(file, world).dump({name: value for name, value in vars(world).items() if name not in _STAYS})
    return file.getvalue()


def go_back(world: World, copy: bytes) -> None:
    """Make a world again what it was; no client may be connected meanwhile."""
    vars(world).update(_Unpickler(BytesIO(copy), world).load())
