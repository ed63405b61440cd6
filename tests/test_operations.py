"""docs/operations.md: what it quotes from the log and from errors is what the program says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tgbot.operate.health import Trouble

ROOT = Path(__file__).parents[1]


def quoted() -> list[str]:
    """Return the quoted lines: the first column of each table of the section on logs."""
    section = (ROOT / "docs/operations.md").read_text().partition("## Logs")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE)


@cache
def texts() -> list[str]:
    """Return every text in the source of the program, each in one line."""
    trees = [ast.parse(file.read_text()) for file in (ROOT / "tgbot").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [" ".join(node.value.split()) for node in nodes if isinstance(node.value, str)]


@pytest.mark.parametrize("line", quoted())
def test_a_quoted_line_is_one_of_the_programs(line: str) -> None:
    """`…` stands for whatever is put in."""
    pattern = re.compile(".+".join(re.escape(part.strip()) for part in line.split("…")))
    assert any(pattern.search(text) for text in texts()), f"nothing says: {line}"


def test_lines_are_quoted_at_all() -> None:
    assert len(quoted()) >= 15


@pytest.mark.parametrize("trouble", list(Trouble))
def test_each_reason_of_healthz_is_explained(trouble: Trouble) -> None:
    assert f"\n| `{trouble}` | " in (ROOT / "docs/operations.md").read_text()
