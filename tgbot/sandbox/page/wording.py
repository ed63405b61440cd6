"""Texts and files as Python source: literals, and patterns for what differs from run to run."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Sequence
from typing import Final

from telethon.tl import TLObject

#: The longest piece of a literal on one line.
_WIDTH: Final = 80
#: Values that differ in each run: dates, times, durations and sizes, invite links, tokens, long numbers.
_DIFFERS: Final = re.compile(
    r"""
      \d{4}-\d\d-\d\d (?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?)?
    | (?<!\d)\d{1,2}:\d\d(?::\d\d)?(?!\d)
    | (?<![\w.])\d+(?:\.\d+)?(?=\s?(?:ms|s|sec|seconds?|min|minutes?|h|hours?|MiB|MB|kB|KiB|%)(?!\w))
    | (?<=t\.me/\+)[\w-]{8,}
    | (?<![\w-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9_-]{20,}(?![\w-])
    | (?<!\d)\d{6,}(?!\d)
    """,
    re.VERBOSE,
)
_SPECIAL: Final = re.compile(r"[\\.^$*+?{}\[\]|()]")
#: Names that a saved test uses for other things.
_TAKEN: Final = frozenset({"bot", "person", "sandbox", "re", "pytest", "functions", "types"})


def expected(text: str, known: Iterable[str] = ()) -> str:
    """Return the source of what a text must be: a literal, or a pattern if it has values that differ.

    `known` are further values that differ, such as the ids of people.
    """
    pattern = _pattern(text, known)
    return literal(text) if pattern is None else f"re.compile({literal(pattern, raw=True)})"


def literal(text: str, *, raw: bool = False) -> str:
    """Return a string as source; a long one in several pieces, in parentheses."""
    pieces = text.splitlines(keepends=True) or [""]
    pieces = [piece[at : at + _WIDTH] for piece in pieces for at in range(0, len(piece) or 1, _WIDTH)]
    if raw:
        # A pattern must not be cut within an escape: a line that ends with one takes the next along.
        pieces = _whole(pieces)
    written = [_quoted(piece, raw=raw) for piece in pieces]
    if len(written) == 1:
        return written[0]
    inner = "".join(f"\n        {piece}" for piece in written)
    return f"{inner}\n    " if raw else f"({inner}\n    )"


def _whole(pieces: list[str]) -> list[str]:
    whole: list[str] = []
    for piece in pieces:
        if whole and (len(whole[-1]) - len(whole[-1].rstrip("\\"))) % 2:
            whole[-1] += piece
        else:
            whole.append(piece)
    return whole


def _quoted(piece: str, *, raw: bool) -> str:
    plain = '"' not in piece and piece.isprintable() and not piece.endswith("\\")
    if plain and "\\" not in piece:
        return f'"{piece}"'
    if raw and plain:
        return f'r"{piece}"'
    return repr(piece)


def _pattern(text: str, known: Iterable[str]) -> str | None:
    """Return a pattern for a text, None if nothing in it differs."""
    ids = "|".join(re.escape(each) for each in sorted(known, key=len, reverse=True) if each)
    differs = re.compile(rf"(?<!\w)(?:{ids})(?!\w)|{_DIFFERS.pattern}", re.VERBOSE) if ids else _DIFFERS
    parts, at = [], 0
    for found in differs.finditer(text):
        parts += [_escaped(text[at : found.start()]), _like(found[0])]
        at = found.end()
    return "".join([*parts, _escaped(text[at:])]) if parts else None


def _like(value: str) -> str:
    """Return a pattern for values of the same kind."""
    if re.fullmatch(r"\d+(?:\.\d+)?", value):
        return r"[\d.]+" if "." in value else r"\d+"
    if re.fullmatch(r"[\d:.TZ+ -]+", value):
        return re.sub(r"\d+", lambda _: r"\d+", _escaped(value))
    return r"[\w-]+"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def identifier(name: str, taken: Iterable[str], number: int) -> str:
    """Return a name of a variable for a person: that of the person if it can be one."""
    wanted = re.sub(r"\W+", "_", name.strip().lower()).strip("_")
    if not wanted.isidentifier() or keyword.iskeyword(wanted) or wanted in _TAKEN:
        wanted = f"person_{number}"
    used, free, count = {*taken}, wanted, 1
    while free in used:
        count += 1
        free = f"{wanted}_{count}"
    return free


def slug(name: str) -> str:
    """Return the name of a test function without its `test_`."""
    plain = re.sub(r"\W+", "_", name.strip().lower()).strip("_").removeprefix("test_")
    return plain or "what_was_done"


def formatting(entities: Sequence[TLObject]) -> str:
    """Return the argument with the formatting of a text, "" for none."""
    written = []
    for entity in entities:
        name, *fields = entity.to_dict().items()
        given = ", ".join(f"{key}={value!r}" for key, value in fields if value is not None)
        written.append(f"types.{name[1]}({given})")
    return f", entities=[{', '.join(written)}]" if written else ""
