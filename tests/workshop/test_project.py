from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.commandlines import COMMAND
from tgbot import __version__, cli
from tgbot.cli.usage import subcommands
from tgbot.config.loading import load
from tgbot.core.errors import StorageError
from tgbot.core.projecterrors import ProjectNameError, ProjectTakenError
from tgbot.workshop import project
from tgbot.workshop.project import make_project, module_name

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("shop", "shop"),
        ("my-shop", "my_shop"),
        ("My Shop 2.0!", "my_shop_2_0"),
        ("_private", "private"),
        ("магазин", "магазин"),
    ],
)
def test_a_module_is_called_as_its_directory(text: str, name: str) -> None:
    assert module_name(text) == name


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("7up", "it needs letters or digits, and begins with a letter"),
        ("---", "it needs letters or digits"),
        ("", "it needs letters or digits"),
        ("class", "class is a word with a meaning of its own"),
        ("tests", "tests is a word with a meaning of its own"),
        ("random", "Python has a module random already"),
        ("sys", "Python has a module sys already"),
        ("Telethon", "Python has a module telethon already"),
        ("tgbot", "tgbot is a word with a meaning of its own"),
    ],
)
def test_a_name_that_no_plugin_can_have_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ProjectNameError, match=f"'{text}' cannot be made the name .*: {reason}.* --name"):
        module_name(text)


def test_a_directory_that_is_empty_and_here_is_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert module_name("shop") == "shop"
    (tmp_path / "shop.py").touch()
    assert module_name("shop") == "shop"


def test_a_project_has_its_name_everywhere_and_its_settings_name_its_plugin(tmp_path: Path) -> None:
    files = make_project(tmp_path / "new" / "my-shop", "my_shop")
    home = tmp_path / "new/my-shop"
    assert files == sorted(path.relative_to(home) for path in home.rglob("*") if path.is_file())
    assert {Path(".gitignore"), Path("my_shop.py"), Path("tests/test_my_shop.py")} <= set(files)
    for file in files:
        assert not re.search(r"(?<!my_)shop\b", (home / file).read_text().replace("my-shop", "")), file
    assert load(home / "config.toml", {}).bot.plugins == ("my_shop",)
    compile((home / "my_shop.py").read_text(), "my_shop.py", "exec")
    assert (
        "asyncio_mode"
        in tomllib.loads((home / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    )


def test_nothing_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("mine")
    with pytest.raises(ProjectTakenError, match=f"There is something at {tmp_path} already"):
        make_project(tmp_path, "shop")
    assert [path.name for path in tmp_path.iterdir()] == ["shop.py"]
    with pytest.raises(StorageError, match=r"shop\.py cannot be read or written"):
        make_project(tmp_path / "shop.py", "shop")
    assert (tmp_path / "shop.py").read_text() == "mine"


@pytest.mark.parametrize(
    ("origin", "required"),
    [
        (None, f"tgbot[testing] == {__version__}"),
        (
            {"url": "file:///wheels/tgbot.whl", "archive_info": {}},
            "tgbot[testing] @ file:///wheels/tgbot.whl",
        ),
        (
            {"url": "https://example.com/tgbot", "vcs_info": {"vcs": "git", "commit_id": "ab12"}},
            "tgbot[testing] @ git+https://example.com/tgbot@ab12",
        ),
    ],
)
def test_the_tgbot_that_made_a_project_is_the_one_that_it_requires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: object, required: str
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return None if origin is None else json.dumps(origin)

    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Installed())
    make_project(tmp_path, "shop")
    assert (tmp_path / "requirements.txt").read_text().splitlines()[-1] == required


def test_a_python_without_what_tests_need_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path / "one", "shop")
    assert (tmp_path / "one/local.mk").read_text() == f"PYTHON = {sys.executable}\n"
    monkeypatch.setattr(project, "_TESTING", ("pytest", "no_such_module_of_ours"))
    make_project(tmp_path / "other", "shop")
    assert not (tmp_path / "other/local.mk").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_uses_the_python_that_has_tgbot_and_else_makes_one(tmp_path: Path) -> None:
    make_project(tmp_path, "shop")
    fake = tmp_path / "a directory/python"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)

    def make(*words: str) -> str:
        # Without what a `make test` that runs this test has given to it.
        outer = ("MAKE", "MFLAGS", "ARGS")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
        return subprocess.run(
            ["make", *words], cwd=tmp_path, env=clean, capture_output=True, text=True, check=True, timeout=60
        ).stdout

    (tmp_path / "local.mk").write_text(f"PYTHON = {fake}\n")
    assert make("test", "ARGS=-k order") == "-m pytest -q -k order\n"
    assert make("dev") == "-m tgbot.cli run --sandbox --reload\n"
    assert make("run") == "-m tgbot.cli run\n"
    (tmp_path / "local.mk").unlink()
    assert ".venv/bin/python -m pip install" in make("-n", "setup")
    assert "make --no-print-directory setup" in make("-n", "ready").replace("make[1]", "make")
    assert {line.split()[0] for line in make().splitlines()} == {"help", "test", "dev", "run", "setup"}


def test_the_pages_of_a_project_show_commands_that_exist(tmp_path: Path) -> None:
    make_project(tmp_path, "shop")
    texts = "".join((tmp_path / name).read_text() for name in ("README.md", "config.toml", "Makefile"))
    named = re.findall(r"(?:`tgbot|say: tgbot|-m tgbot\.cli) ([a-z]+)(?: ([a-z]+))?", texts)
    assert len(named) >= 6
    for words in named:
        command = COMMAND
        for word in words:
            if subcommands(command) and word:
                assert word in subcommands(command), words
                command = subcommands(command)[word]
    targets = set(re.findall(r"^([a-z]+):", (tmp_path / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b(?= |`|\n|\")", (tmp_path / "README.md").read_text())) <= targets


def test_the_command_tells_what_it_wrote_and_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.status(["new", "my shop"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "my shop/my_shop.py" in said
    assert "  cd 'my shop'" in said
    assert cli.status(["new", "my shop"]) == 1
    assert "There is something at my shop already" in capsys.readouterr().err
    assert cli.status(["new", "other", "--name", "Orders", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["directory"]) == ("orders", str(tmp_path / "other"))
    assert "orders.py" in told["files"]
    assert cli.status(["new", "class"]) == 2
    assert not (tmp_path / "class").exists()
