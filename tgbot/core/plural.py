"""Numbers with their nouns, in the English of logs and of the command line."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun: 1 user, 2 users, 1,000 users; `several` is a plural without -s."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"
