"""What the project stands on: each dependency argued, each used, and the layers complete."""

from __future__ import annotations

import ast
import configparser
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Where a package is imported by another name than its own.
IMPORTED_AS = {"fluent.runtime": "fluent"}
#: Longer modules than 400 lines, each with its reason.
LONGER: dict[str, str] = {}


def named(requirements: list[str]) -> list[str]:
    return [re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower() for requirement in requirements]


def argued() -> dict[str, list[str]]:
    """Heading → the packages in its table, in order; each with a reason."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in (ROOT / "docs/dependencies.md").read_text().splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("| ") and not line.startswith("| package |"):
            name, reason = (cell.strip() for cell in line.strip("|").split("|", 1))
            assert len(reason) > 10, f"{name} has no reason"
            found.setdefault(heading, []).append(name)
    return found


def test_every_dependency_is_argued_and_nothing_else_is() -> None:
    assert argued() == {
        "To run the bot": named(PROJECT["dependencies"]),
        "To work on it": named(PROJECT["optional-dependencies"]["dev"]),
    }


def imported() -> set[str]:
    """The top-level names that the package imports."""
    names: set[str] = set()
    for file in (ROOT / "tgbot").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(str(node.module).partition(".")[0])
    return names


def test_the_package_imports_what_it_depends_on_and_nothing_else() -> None:
    foreign = imported() - set(sys.stdlib_module_names) - {"tgbot"}
    # pydantic_core is pydantic's other half, and pydantic pins it.
    foreign.discard("pydantic_core")
    declared = {IMPORTED_AS.get(name, name) for name in named(PROJECT["dependencies"])}
    assert foreign == declared


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_every_dependency_has_a_lower_bound(requirement: str) -> None:
    assert re.search(r"(>=|~=)\d", requirement)


def test_telethon_is_pinned_to_its_minor_version() -> None:
    assert any(re.match(r"telethon~=1\.\d+\.\d+$", requirement) for requirement in PROJECT["dependencies"])


def parts() -> set[str]:
    """The modules and packages right under tgbot."""
    found = {file.stem for file in (ROOT / "tgbot").glob("*.py")} - {"__init__"}
    return found | {file.parent.name for file in (ROOT / "tgbot").glob("*/__init__.py")}


def contract(name: str, field: str) -> set[str]:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    return set(re.findall(r"[\w.]+", contracts[f"importlinter:contract:{name}"][field]))


def test_the_sandbox_is_kept_from_every_part_that_is_not_its_own() -> None:
    below = parts() - {"cli", "demo", "app", "sandbox"}  # the first three stand above it
    assert contract("sandbox", "forbidden_modules") == {f"tgbot.{part}" for part in below}


def test_no_module_is_over_400_lines_without_a_reason() -> None:
    files = (ROOT / "tgbot").rglob("*.py")
    assert {str(file.relative_to(ROOT)) for file in files if len(file.read_text().splitlines()) > 400} == set(
        LONGER
    )


def test_the_project_does_not_name_the_place_it_was_made_in() -> None:
    listed = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "Makefile", ROOT / ".ci/run"]
    assert listed
    for file in listed:
        assert "/" + "work/" not in file.read_text(), file
