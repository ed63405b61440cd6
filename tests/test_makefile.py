"""The commands of a fresh clone, without installing anything: what make would do, and what it prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a directory with the files of a fresh clone that make reads."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(directory: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments],
        cwd=directory,
        env=clean | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("target", ["demo", "test", "run", "check", "setup"])
def test_every_target_makes_the_environment_by_itself(clone: Path, target: str) -> None:
    plan = make(clone, "-n", target).stdout
    assert "-m venv" in plan
    assert "pip install" in plan


def test_the_demo_installs_nothing_that_only_tests_need(clone: Path) -> None:
    assert "requirements-dev.lock" not in make(clone, "-n", "demo").stdout
    assert "requirements-dev.lock" in make(clone, "-n", "test").stdout


@pytest.mark.parametrize("target", ["demo", "test"])
def test_only_pinned_packages_with_their_hashes_are_installed(clone: Path, target: str) -> None:
    installs = [line for line in make(clone, "-n", target).stdout.splitlines() if "pip install" in line]
    assert len(installs) == 2
    assert re.search(r"--require-hashes --requirement requirements(-dev)?\.lock$", installs[0])
    assert installs[1].endswith("--no-deps --no-build-isolation --editable .")


def test_arguments_are_passed_on(clone: Path) -> None:
    assert "tgbot demo --once" in make(clone, "-n", "demo", "ARGS=--once").stdout


def install(clone: Path) -> None:
    """Make the clone look as if everything were installed."""
    (clone / ".venv/bin").mkdir(parents=True)
    (clone / ".venv/bin/python").symlink_to(sys.executable)
    for stamp in (".installed", ".installed-dev"):
        (clone / ".venv" / stamp).touch()


def test_what_is_installed_is_not_installed_again(clone: Path) -> None:
    install(clone)
    assert "pip" not in make(clone, "-n", "test").stdout


@pytest.mark.parametrize(
    ("changed", "target"),
    [
        ("pyproject.toml", "demo"),
        ("pyproject.toml", "test"),
        ("requirements.lock", "demo"),
        ("requirements-dev.lock", "test"),
    ],
)
def test_a_change_of_the_dependencies_is_installed(clone: Path, changed: str, target: str) -> None:
    install(clone)
    stamp = clone / ".venv/.installed"
    os.utime(clone / changed, (stamp.stat().st_mtime + 10,) * 2)
    assert "pip install" in make(clone, "-n", target).stdout


def test_a_python_that_is_too_old_gets_one_clear_line(clone: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3.8"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make(clone, "demo", f"PYTHON={old}")
    assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if line.startswith("tgbot: ")]
    assert len(errors) == 1
    assert "Python 3.11 or newer" in errors[0]
    assert str(old) in errors[0]
    assert not (clone / ".venv").exists()


def test_help_names_every_target(clone: Path) -> None:
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    listed = {line.split()[0] for line in make(clone).stdout.splitlines()}
    assert listed == set(phony[1].split())


def test_the_check_of_a_commit_is_check_test_and_the_clients() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    commands = re.findall(r"^make (.*)$", script.read_text(), re.MULTILINE)
    beside = ["libraries &", 'test ARGS="--collect-only -n 0" >/dev/null &']
    assert commands == ["setup", *beside, "check", "test", "clients ARGS=--ci"]
    subprocess.run(["bash", "-n", script], check=True)


def test_the_hook_before_a_commit_runs_exactly_what_check_runs() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"^ +entry: (.*)$", hooks, re.MULTILINE) == ["make check"]
    assert re.findall(r"- repo: (.*)$", hooks, re.MULTILINE) == ["local"]


def test_the_supported_versions_of_python_are_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = re.search(r"^VERSIONS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert versions is not None
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert named == versions[1].split()
    assert project["requires-python"] == f">={named[0]}"
