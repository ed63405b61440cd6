"""The dependencies: each argued, each used, each pinned in the lock files. And the layers: complete."""

from __future__ import annotations

import ast
import configparser
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
BUILD: list[str] = PYPROJECT["build-system"]["requires"]
RUN: list[str] = PROJECT["dependencies"]
DEV: list[str] = PROJECT["optional-dependencies"]["dev"]
CHART: list[str] = PROJECT["optional-dependencies"]["chart"]
TESTING: list[str] = PROJECT["optional-dependencies"]["testing"]
#: Each lock file, and the requirements that it must satisfy.
LOCKS = {"requirements.lock": BUILD + RUN, "requirements-dev.lock": BUILD + RUN + DEV + CHART}
#: Where a package is imported by another name than its own.
IMPORTED_AS = {
    "fluent.runtime": "fluent",
    "pillow": "PIL",
    "python-socks": "python_socks",
    "prometheus-client": "prometheus_client",
    "pytest-asyncio": "pytest_asyncio",
}
#: What is read and not imported.
READ = {"tzdata"}
#: Longer modules than 400 lines, each with its reason.
LONGER: dict[str, str] = {}


def named(requirements: list[str]) -> list[str]:
    """Return the names of the packages, in order."""
    return [Requirement(requirement).name for requirement in requirements]


def argued() -> dict[str, list[str]]:
    """Return heading → the packages in its table, in order; fail if one has no reason."""
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
        "To run the bot": named(RUN),
        "For some commands": named(CHART),
        "To test plugins": named(TESTING),
        "To work on it": named(DEV),
    }


def top_names(node: ast.AST) -> set[str]:
    """Return the top-level names that a statement imports, the empty set for any other statement."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and not node.level:
        return {str(node.module).partition(".")[0]}
    return set()


def imported() -> set[str]:
    """Return the top-level names that the package imports."""
    names: set[str] = set()
    for file in (ROOT / "tgbot").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names |= top_names(node)
    return names


def test_the_package_imports_what_it_depends_on_and_nothing_else() -> None:
    foreign = imported() - set(sys.stdlib_module_names) - {"tgbot"}
    # pydantic_core is pydantic's other half, and pydantic pins it.
    foreign.discard("pydantic_core")
    declared = {IMPORTED_AS.get(name, name) for name in named(RUN + CHART + TESTING)} - READ
    assert foreign == declared


@pytest.mark.parametrize("requirement", BUILD + RUN + DEV + CHART + TESTING)
def test_every_dependency_has_a_lower_bound(requirement: str) -> None:
    assert re.search(r"(>=|~=)\d", requirement)


def test_what_only_some_commands_need_is_imported_where_they_need_it() -> None:
    """The bot imports every module of the package but those; it runs where they are not installed."""
    optional = {IMPORTED_AS.get(name, name) for name in named(CHART + TESTING)}
    for file in (ROOT / "tgbot").rglob("*.py"):
        if "testing" in file.parts:
            continue  # pytest alone imports it
        for node in ast.parse(file.read_text()).body:
            assert not optional & top_names(node), file


def test_telethon_is_pinned_to_its_minor_version() -> None:
    assert any(re.match(r"telethon~=1\.\d+\.\d+$", requirement) for requirement in RUN)


def pins(lock: str) -> dict[str, Requirement]:
    """Return package → its pin `name==version ; marker`; fail if one has no hash."""
    found: dict[str, Requirement] = {}
    # A pin is followed by its hashes, each on a line of its own, and by comments.
    text = re.sub(r"^ *#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE)
    for entry in text.replace("\\\n", "").splitlines():
        pin, *hashes = re.split(r" +--hash=", entry)
        assert hashes, f"{pin} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64} *", one) for one in hashes), pin
        requirement = Requirement(pin)
        found[canonicalize_name(requirement.name)] = requirement
    return found


def version(pin: Requirement) -> str:
    (only,) = pin.specifier
    assert only.operator == "==", pin
    return only.version


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_pins_every_dependency_within_its_bounds(lock: str) -> None:
    locked = pins(lock)
    for requirement in map(Requirement, LOCKS[lock]):
        pin = locked[canonicalize_name(requirement.name)]
        assert version(pin) in requirement.specifier, f"{pin} is not {requirement}: run make lock"


def test_tests_run_with_the_versions_that_the_bot_runs_with() -> None:
    run, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: version(pin) for name, pin in run.items()} == {
        name: version(pin) for name, pin in dev.items() if name in run
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_on_every_python_that_the_project_supports(lock: str) -> None:
    pythons = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert len(pythons) >= 3
    for requirement in map(Requirement, LOCKS[lock]):
        marker = pins(lock)[canonicalize_name(requirement.name)].marker
        for python in pythons:
            for platform in ("linux", "darwin"):
                where = {"python_version": python, "python_full_version": f"{python}.0"}
                where |= {"sys_platform": platform, "implementation_name": "cpython"}
                assert marker is None or marker.evaluate(where), (requirement, where)


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_package_index_and_no_path(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^ *-(?!-hash)", text, re.MULTILINE), "an option of pip"
    assert not re.search(r"(?<![\w.])/\w", text), "an absolute path"


def parts() -> set[str]:
    """Return the names of the modules and packages directly under tgbot."""
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
    names = [
        "*.md",
        "docs/*.md",
        "*.lock",
        "Makefile",
        "pyproject.toml",
        ".ci/run",
        ".pre-commit-config.yaml",
    ]
    listed = [file for name in names for file in ROOT.glob(name)]
    assert listed
    for file in listed:
        assert "/" + "work/" not in file.read_text(), file
