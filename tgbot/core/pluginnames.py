"""What plugins are called in the configuration and in names of files: short for their modules. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def names_of(modules: Iterable[str]) -> dict[str, str]:
    """Return the name of each plugin by its module: its last part, or all of it where two share that."""
    known = dict.fromkeys(modules)
    shared = Counter(_last(module) for module in known)
    return {module: _last(module) if shared[_last(module)] == 1 else module for module in known}


def _last(module: str) -> str:
    return module.rpartition(".")[2]
