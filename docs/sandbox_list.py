"""Write into docs/sandbox.md what the sandbox has and what it refuses: `python -m docs.sandbox_list`."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from telethon.tl import types

from tgbot.sandbox.abilities import DONE, FAMILIES, optional
from tgbot.sandbox.methods import METHODS
from tgbot.sandbox.methods.calls import Open
from tgbot.sandbox.signatures import method_name

PAGE: Final = Path(__file__).with_name("sandbox.md")
BEGIN: Final = "<!-- Made by docs/sandbox_list.py: begin -->"
END: Final = "<!-- Made by docs/sandbox_list.py: end -->"
_WIDTH: Final = 120
_CALLERS: Final = {
    Open.BOTS: "for bots",
    Open.BOTH: "for bots and people",
    Open.USERS: "for people",
    Open.ANYONE: "before a login, too",
}


def section() -> str:
    """Return what stands between the markers: methods, refused fields, missing constructors."""
    return "\n".join(
        [
            "## Methods that it has",
            "",
            *_methods(),
            "",
            "## Fields that it refuses",
            "",
            *_fields(),
            "",
            "## Constructors that it refuses",
            "",
            *_constructors(),
        ]
    )


def written(page: str) -> str:
    """Return the text of the page with the section that the code makes now."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{section()}\n\n{END}{after}"


def _item(title: str, names: Iterable[str]) -> str:
    """Return a list item: a title, then names in their order."""
    line = f"- {title}: " + ", ".join(sorted(names))
    return textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _methods() -> Iterator[str]:
    """Yield the methods by namespace and caller, those that bots may call first."""
    found: dict[tuple[str, Open], list[str]] = defaultdict(list)
    for request, method in METHODS.items():
        space, _, name = method_name(request).rpartition(".")
        found[space, method.open].append(name)
    for open_, who in _CALLERS.items():
        for space in sorted(space for space, caller in found if caller is open_):
            yield _item(f"`{space}`, {who}", found[space, open_])


def _fields() -> Iterator[str]:
    """Yield the optional fields of methods and constructors that are not carried out, by their names."""
    kinds = {*METHODS, *DONE}
    for kind in sorted(kinds, key=_name):
        left = set(optional(kind)) - DONE.get(kind, frozenset())
        if left:
            yield _item(f"`{_name(kind)}`", left)


def _constructors() -> Iterator[str]:
    """Yield the constructors that are refused, by their type."""
    missing: dict[str, list[str]] = defaultdict(list)
    for kind in {kind for kind in vars(types).values() if getattr(kind, "SUBCLASS_OF_ID", 0) in FAMILIES}:
        if kind not in DONE:
            missing[_type_of(kind)].append(_name(kind))
    for family, names in sorted(missing.items()):
        yield _item(f"`{family}`", names)


def _name(kind: Any) -> str:
    """Return the schema's name of a method or a constructor."""
    if kind in METHODS:
        return str(method_name(kind))
    return str(kind.__name__[0].lower() + kind.__name__[1:])


def _type_of(kind: Any) -> str:
    """Return the schema's name of the type of a constructor."""
    for name, union in vars(types).items():
        members = getattr(union, "__args__", None)
        if name.startswith("Type") and members and kind.__name__ in {_plain(each) for each in members}:
            return str(name).removeprefix("Type")
        if name.startswith("Type") and getattr(union, "__name__", None) == kind.__name__:
            return str(name).removeprefix("Type")
    raise LookupError(f"{kind.__name__} is of no type")


def _plain(member: Any) -> str:
    return str(getattr(member, "__forward_arg__", getattr(member, "__name__", "")))


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
