"""The documents point to things that exist: tests, files, and sections of other documents."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "sessions/README.md"]


@cache
def names_in(file: Path) -> frozenset[str]:
    """Return the names of a file's functions."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_test_that_a_page_names_exists() -> None:
    named = [
        (page, file, name)
        for page in PAGES
        for file, name in re.findall(
            r"`(?:tests/)?([\w/]+\.py)::(test_\w+)`", page.read_text(encoding="utf-8")
        )
    ]
    assert named
    missing = [
        f"{page.name}: {file}::{name}"
        for page, file, name in named
        if name not in names_in(ROOT / "tests" / file)
    ]
    assert not missing


def test_every_relative_link_leads_somewhere() -> None:
    broken = []
    for page in PAGES:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(f"{page.name}: {link}")
    assert not broken


def test_every_row_of_the_handbook_is_shown_by_a_test_or_by_telegram_alone() -> None:
    page = (ROOT / "docs/handbook.md").read_text(encoding="utf-8")
    rows = [
        line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| the handbook")
    ]
    assert rows
    assert not [row for row in rows if "::" not in row and "*Telegram alone*" not in row]


def test_every_class_that_the_architecture_names_with_its_module_exists() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+\.){2,})([A-Z]\w+)`", page))
    assert named
    for module, name in named:
        assert hasattr(importlib.import_module(f"tgbot.{module.rstrip('.')}"), name), f"{module}{name}"


def test_every_file_that_the_architecture_draws_exists() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawn = page.partition("## The parts")[2].partition("Imports point down")[0]
    names = re.findall(r"(?<![\w/])([a-z_]+(?:\.py|/))(?=\s)", drawn)
    assert names
    there = {path.name + "/" if path.is_dir() else path.name for path in (ROOT / "tgbot").rglob("*")}
    assert not [name for name in names if name not in there | {"tgbot/"}]


def test_every_figure_of_the_performance_page_stands_with_the_command_that_prints_it() -> None:
    page = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    sections = page.split("\n## ")[1:]
    with_figures = [
        section for section in sections if re.search(r"\d µs|\d MiB|^\|.*\d", section, re.MULTILINE)
    ]
    assert with_figures
    assert not [
        section.partition("\n")[0]
        for section in with_figures
        if not re.search(r"^    \.venv/bin/python -m benchmarks\.\w+", section, re.MULTILINE)
    ]
