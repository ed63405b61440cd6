"""What plugins are given: all of it is described, and its types can be imported from the package itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import tgbot
from tgbot.plugins import parts
from tgbot.plugins.parts import Parts

ROOT = Path(__file__).parents[2]


def listed() -> dict[str, str]:
    """Return the parts in the table of docs/plugins.md, each with its type."""
    page = (ROOT / "docs/plugins.md").read_text().partition("## The parts")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \|(?: `(.*?)`)? \|", page, re.MULTILINE))


def test_every_part_is_in_the_table_of_the_guide_with_its_type() -> None:
    types = {field.name: str(field.type) for field in fields(Parts)}
    assert listed() == types | {"settings": ""}  # a class of the plugin's own
    assert "(docs/plugins.md#the-parts)" in (ROOT / "README.md").read_text()


def test_every_part_is_described_where_it_is_declared() -> None:
    source = Path(parts.__file__).read_text().splitlines()
    (declared,) = [one for one in ast.parse("\n".join(source)).body if getattr(one, "name", "") == "Parts"]
    assert isinstance(declared, ast.ClassDef)
    lines = {
        one.target.id: one.lineno
        for one in declared.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }
    assert lines.keys() == {field.name for field in fields(Parts)}
    assert [name for name, line in lines.items() if not source[line - 2].strip().startswith("#: ")] == []


def test_the_types_of_the_parts_can_be_imported_from_the_package() -> None:
    from tgbot import BotClient, Menu, Sender, Texts, UserRegistry

    types = {"client": BotClient, "users": UserRegistry, "sender": Sender, "texts": Texts, "commands": Menu}
    assert {part: kind.__name__ for part, kind in types.items()} == {part: listed()[part] for part in types}
    for name in tgbot._MODULES:
        assert getattr(tgbot, name).__name__ == name
        assert name in dir(tgbot)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        tgbot.Nothing  # type: ignore[attr-defined]  # noqa: B018 - it is not there


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys; before = {*sys.modules}; import tgbot; print(*({*sys.modules} - before))"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.split() == ["tgbot"]
