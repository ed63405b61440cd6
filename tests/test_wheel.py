"""The wheel: complete, and enough to run tgbot far from this tree.

The wheel is installed into an empty environment, which finds the dependencies (and not the tgbot) of the
environment that runs the tests. test_dependencies.py shows that `pyproject.toml` declares each of them.
"""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import tgbot

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("TGBOT_", "PYTHON"))}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from what the Containerfile copies: setuptools writes beside what it builds."""
    directory = tmp_path_factory.mktemp("wheel")
    tree = directory / "tree"
    tree.mkdir()
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory, tree)
    (built,) = directory.glob("*.whl")
    return built


def copied() -> list[str]:
    """Return the names that the Containerfile copies out of this tree."""
    lines = (ROOT / "Containerfile").read_text().splitlines()
    return [name for line in lines if re.match("COPY [^-]", line) for name in line.split()[1:-1]]


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs' directory of an environment that has the wheel installed."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home)
    paths = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", "venv", paths))
    # A path in a .pth file: modules there are found, its own .pth files (the editable tgbot's) are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    programs = Path(sysconfig.get_path("scripts", "venv", paths))
    pip("--python", programs / "python", "install", "--no-deps", "--no-index", "--ignore-installed", wheel)
    return programs


def call(directory: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=directory,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    package = [path for path in (ROOT / "tgbot").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == {path.relative_to(ROOT).as_posix() for path in package}
    assert {"tgbot/py.typed", "tgbot/locales/en.ftl"} <= names


def test_the_wheel_says_its_version_and_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        head = email.message_from_bytes(archive.read(metadata))
        (licence,) = (name for name in archive.namelist() if name.endswith("/LICENSE"))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert head["Version"] == tgbot.__version__
    assert head["License-Expression"] == "MIT"


def test_the_installed_command_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    found = call(tmp_path, installed / "python", "-c", "import tgbot; print(tgbot.__file__)")
    assert Path(found.stdout).is_relative_to(installed.parent), found.stdout + found.stderr
    done = call(tmp_path, installed / "tgbot", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"tgbot {tgbot.__version__}\n", "")


def test_the_installed_demo_plays_in_an_empty_directory_and_leaves_it_empty(
    installed: Path, tmp_path: Path
) -> None:
    done = call(tmp_path, installed / "tgbot", "demo", "--once")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Anna → bot" in done.stdout
    assert not list(tmp_path.iterdir())


def test_without_credentials_the_command_names_a_demo_that_is_there(installed: Path, tmp_path: Path) -> None:
    done = call(tmp_path, installed / "tgbot", "run")
    assert done.returncode == 2
    assert "tgbot demo" in done.stderr
    assert "make" not in done.stderr


@pytest.fixture(scope="module")
def project(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a project that the installed command has made."""
    directory = tmp_path_factory.mktemp("projects")
    done = call(directory, installed / "tgbot", "new", "shop")
    assert (done.returncode, done.stderr) == (0, "")
    return directory / "shop"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_the_tests_of_a_new_project_pass(project: Path) -> None:
    done = call(project, "make", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_bot_of_a_new_project_talks_on_a_sandbox(installed: Path, project: Path) -> None:
    with subprocess.Popen(
        [installed / "tgbot", "run", "--sandbox"],
        cwd=project,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as bot:
        assert bot.stdin is not None
        assert bot.stdout is not None
        try:
            for typed, shown in (("/prices", "M: 10"), ("/order", "[2 M]"), ("!press 2", "Where to?")):
                bot.stdin.write(f"{typed}\n")
                assert any(shown in line for line in iter(bot.stdout.readline, ""))
            _, log = bot.communicate("!quit\n", timeout=60)
        finally:
            bot.kill()
    assert bot.returncode == 0, log
    assert not (project / "sessions").exists()
