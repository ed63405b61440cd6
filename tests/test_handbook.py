"""docs/handbook.md: each thing that the handbook says is shown by a test, or by Telegram alone."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs/handbook.md"
ALONE = "*Telegram alone*"


def rows() -> list[tuple[str, str]]:
    """What the handbook says, and what shows it."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 2 and cells[0] != "the handbook":
            found.append((cells[0], cells[1]))
    return found


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of a file's tests."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def test_the_page_has_its_tables() -> None:
    assert len(rows()) >= 35
    assert len({said for said, _ in rows()}) == len(rows())


@pytest.mark.parametrize(("said", "shown"), rows())
def test_what_is_said_is_shown(said: str, shown: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", shown)
    assert named or ALONE in shown, said
    assert shown.count("::") == len(named), f"not a test: {shown}"
    for file, name in named:
        assert name in names_in(file), f"{file} has no {name}"
