"""The random_ids with which a bot of ours answers an update: which call belongs to which update."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from telethon.tl import TLObject

from tgbot import handlers
from tgbot.telegram.calls.named import derive_random_id
from tgbot.telegram.updates.keys import NEW_MESSAGES, album_key, stable_key

#: How many messages of one handler to one chat are told.
_MOST: Final = 5


class SendNames:
    """Compute the random_ids of answers from their update, as `calls.named` does: a function for `Page`.

    The names of handlers are read out of their source: those of the bot, and of the plugins in
    `directories`, without virtual environments and what is hidden. Files that have changed are read again.
    """

    def __init__(self, directories: Iterable[Path] = ()) -> None:
        self._directories = [*map(Path, handlers.__path__), *directories]
        #: The names in each file, and the time of its last change, for which they are right.
        self._read: dict[Path, tuple[int, list[str]]] = {}

    def __call__(self, bot: int, update: TLObject, chat: int) -> list[int]:
        """Return the random_ids that sends to a chat (marked id) have, which answer this update."""
        keys = [key] if (key := stable_key(update)) is not None else []
        message = getattr(update, "message", None)
        if type(update) in NEW_MESSAGES and getattr(message, "grouped_id", None):
            keys.append(album_key(update))
        names = ["", *self._handlers()] if keys else []
        return [
            derive_random_id(bot, key, name, chat, index)
            for key in keys
            for name in names
            for index in range(_MOST)
        ]

    def _handlers(self) -> Iterator[str]:
        """Yield the names that handlers can have: the module, and the path of a function in it."""
        for directory in self._directories:
            for file in _sources(directory):
                yield from self._names(file)

    def _names(self, file: Path) -> list[str]:
        try:
            changed = file.stat().st_mtime_ns
            known = self._read.get(file)
            if known is None or known[0] != changed:
                tree = ast.parse(file.read_bytes())
                found = [f"{module}.{path}" for module in _modules(file) for path in _paths(tree)]
                known = self._read[file] = changed, found
        except (OSError, SyntaxError, ValueError):
            return []  # it is being written, or is no Python
        return known[1]


def _sources(directory: Path) -> Iterator[Path]:
    """Yield the Python files in a directory and below."""
    for place, directories, files in os.walk(directory):
        directories[:] = sorted(
            name
            for name in directories
            if not name.startswith((".", "__")) and not Path(place, name, "pyvenv.cfg").exists()
        )
        yield from (Path(place, name) for name in sorted(files) if name.endswith(".py"))


def _modules(file: Path) -> list[str]:
    """Return the names under which a file may be imported: as a part of its packages, or of a directory."""
    parts = [] if file.name == "__init__.py" else [file.stem]
    directory = file.parent
    while (directory / "__init__.py").exists():
        parts.insert(0, directory.name)
        directory = directory.parent
    # A directory without __init__.py can be a package, too.
    whole = ".".join(parts)
    return [whole, f"{directory.name}.{whole}"] if whole else [directory.name]


def _paths(tree: ast.AST, inside: str = "") -> Iterator[str]:
    """Yield the dotted paths of functions and classes, at any depth."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            path = f"{inside}{node.name}"
            yield path
            yield from _paths(node, f"{path}.")
        else:
            yield from _paths(node, inside)
