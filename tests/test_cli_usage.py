"""Command lines that cannot be meant: what was wrong, where, what to do, on one line with status 2."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commandlines import COMMAND, leaves, parses
from tgbot import cli
from tgbot.cli.paged import OPTION as PAGE
from tgbot.cli.usage import subcommands
from tgbot.core.plural import counted
from tgbot.core.users import Profile, Way
from tgbot.store.sqlite.userfile import SqliteRegistry

ANNA = 5_000_000_001
#: Words of the libraries, and signs of a sentence that was put together carelessly.
CARELESS = re.compile(
    r"Value error|Input should|Invalid value|Got unexpected|Traceback|unexpected|pydantic|typer|\.\.(\s|$)"
)


@pytest.fixture(autouse=True)
async def _bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a bot that is stopped, and no settings but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TGBOT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "sessions").mkdir()
    users = SqliteRegistry(tmp_path / "sessions" / "users.sqlite", clock=time.time)
    users.seen(Profile(ANNA, "Anna"), 50, Way.MESSAGE)
    await users.flush()
    users.close()
    for name in ("file", "old.session", "users.csv"):
        (tmp_path / name).touch()
    (tmp_path / "users.json").write_text('{"id": 5}\n')


def said(arguments: list[str], capsys: pytest.CaptureFixture[str], status: int = 2) -> str:
    """Return the only line that a command line gets, on standard error."""
    assert cli.status(arguments) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("tgbot: ")
    assert not CARELESS.search(line), line
    return line.removeprefix("tgbot: ")


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("usrs", "there is no command 'usrs'; did you mean users? See: tgbot --help"),
        (
            "what",
            "there is no command 'what', only run, demo, resolve, check, new, backup, doctor, restore, ",
        ),
        ("--bogus", "there is no option --bogus before the command, only --config, --version."),
        ("--config", "--config needs a value. See: tgbot --help"),
        ("--config= run", "--config is empty: give it a value, or leave it out. See: tgbot --help"),
        ("--config a --config b run", "--config is given twice: give it once. See: tgbot --help"),
        ("--config absent.toml run", "command line: --config = 'absent.toml': expected a file that exists."),
        ("run x", "run: 'x' is too much: it takes no arguments. See: tgbot run --help"),
        ("run --directory a", "run: --directory: it goes with --sandbox. See: tgbot run --help"),
        ("run --config a", "run: --config stands before the command: tgbot --config FILE COMMAND."),
        ("new", "new: DIR is missing: where to write it; made if missing, else it must be empty."),
        ("new class", "'class' cannot be made the name of a Python module: class is a word with a meaning"),
        ("new a --name 7up", "'7up' cannot be made the name of a Python module: it needs letters or digits"),
        ("demo --onec", "demo: there is no option --onec; did you mean --once? See: tgbot demo --help"),
        ("demo --once=5", "demo: --once takes no value. See: tgbot demo --help"),
        ("resolve", "resolve: NAME is missing: @name, t.me/name, tg://resolve?domain=name, or a user id."),
        ("check a b", "check: 'b' is too much: it takes NAME. See: tgbot check --help"),
        ("users", "users: name one of its commands: list, show, count, check, import, export, rebuild."),
        ("users lst", "users: there is no command 'lst'; did you mean list? See: tgbot users --help"),
        ("users show", "users show: ID is missing: the user's id. See: tgbot users show --help"),
        ("users show abc", "users show: ID = 'abc': expected a whole number, at least 1."),
        ("users show 1.5", "users show: ID = '1.5': expected a whole number, at least 1."),
        ("users show 0", "users show: ID = '0': expected a whole number, at least 1."),
        ("users show -5", "users show: '-5' begins like an option: numbers here are not negative."),
        ("users show 1 2", "users show: '2' is too much: it takes ID."),
        (
            "users list --access reachabl",
            "--access = 'reachabl': expected one of reachable, blocked",
        ),
        ("users list --access reachabl", "; did you mean reachable? See: tgbot users list --help"),
        ("users list --limit 0", "users list: --limit = '0': expected a whole number, at least 1."),
        ("users list --after -1", "users list: --after = '-1': expected a whole number, at least 0."),
        ("users list --limit 5 --limit=6", "users list: --limit is given twice: give it once."),
        ("users list ٥", "users list: '٥' is too much: it takes no arguments."),
        ("users import", "users import: FILE is missing: users of this same bot."),
        ("users import absent.json", "users import: FILE: file 'absent.json' does not exist."),
        ("users import .", "users import: FILE: file '.' is a directory."),
        (
            "users export a.xlsx",
            "FILE: 'a.xlsx': expected a name that ends in .json, .csv or .session, or",
        ),
        ("users export --format xml", "users export: --format: 'xml': expected one of json, csv, session."),
        ("users export --format session", "users export: FILE: a session needs the name of a file."),
        ("users export .", "users export: FILE: '.' is a directory: name a file."),
        (
            "users export sub/a.json",
            "FILE: there is no directory 'sub' for 'a.json': make it, or name",
        ),
        ("parked", "parked: name one of its commands: list, show, retry, drop."),
        ("parked list --reason x", "parked list: --reason = 'x': expected one of later, failed, poison."),
        ("parked retry", "parked retry: KEY: give either keys or --all."),
        ("parked drop a --all", "parked drop: KEY: give either keys or --all."),
        ("parked retry a --reason failed", "parked retry: --reason: it goes with --all."),
        ("backup", "backup: DIR is missing: where to put the copies; made if missing."),
        ("link", "link: KIND is missing: start begins a dialog; the others add the bot to a chat."),
        (
            "link stop",
            "link: KIND = 'stop': expected one of start, startgroup, startchannel.",
        ),
        ("link start x y", "link: 'y' is too much: it takes KIND and PAYLOAD."),
        ("link start --bot the_bot --sign", "link: --sign: there is no PAYLOAD to sign."),
        (
            "link start --bot the_bot --qr-file a.gif",
            "--qr-file: 'a.gif' ends neither in .svg nor in .png.",
        ),
        (
            "link start --bot the_bot --qr-file sub/a.svg",
            "there is no directory 'sub' for 'a.svg'",
        ),
        ("link start a! --bot the_bot", "start payload: only A-Z a-z 0-9 _ - are passed on"),
        (f"link start {'x' * 65} --bot the_bot", "start payload: 65 characters"),
        ("link start --bot a,b", "'a,b': not an @name, an id or a link"),
        ("link start --bot the_bot --rights all", "nobody has rights in a private chat"),
        ("link startgroup --bot the_bot --rights all", "'all': not a right"),
        ("link startchannel x --bot the_bot", "no payload is sent to a channel"),
        ("link start", "give it with --bot NAME."),
        ("sandbox --port x", "sandbox: --port = 'x': expected a whole number from 0 to 65535."),
        ("sandbox --port 70000", "sandbox: --port = '70000': expected a whole number from 0 to 65535."),
        ("sandbox --host 8.8.8.8", "the sandbox listens on loopback only, not on 8.8.8.8"),
    ],
)
def test_wrong_usage_names_command_argument_and_what_is_expected(
    typed: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert problem in said(typed.split(), capsys)


@pytest.mark.parametrize(
    ("typed", "status", "problem"),
    [
        ("users show 6", 3, "the bot never met 6"),
        (f"users show {'9' * 30}", 3, "the bot never met 9999"),
        ("parked show a", 3, 'No parked update has the key a: "tgbot parked list" shows all keys.'),
        ("parked retry a b --json", 3, "No parked update has one of the keys a, b: "),
        ("users import file --dry-run", 1, "file is not a file of users: expected a Telethon session, JSON"),
        ("users export users.json", 1, "users.json already exists, and an export replaces nothing"),
        ("new sessions", 1, "There is something at sessions already, and nothing is replaced"),
        ("backup file", 1, "it is a file. To go on, name a directory."),
        ("backup sessions", 1, "it is the bot's own directory. To go on, name another one."),
        ("backup file/copies", 1, "file/copies cannot be read or written (File exists)"),
        ("sandbox --directory file", 1, "file cannot be read or written (File exists)"),
    ],
)
def test_what_fails_or_is_denied_has_a_status_of_its_own(
    typed: str, status: int, problem: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("TGBOT_BOT_TOKEN", "42:secret")
    assert cli.status(typed.split()) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line
    assert not CARELESS.search(line)


@pytest.mark.parametrize("typed", [f"users list --after {'9' * 30}", f"users list --limit {'9' * 30}"])
def test_absurd_numbers_are_taken_for_what_they_say(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(typed.split()) == 0
    assert len(capsys.readouterr().out.splitlines()) == ("--limit" in typed)


def valued() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path of each command with each of its options that takes a value."""
    for path, command in leaves():
        for option in command.params:
            if option.param_type_name == "option" and not option.is_flag:
                yield path, option


@pytest.mark.parametrize(
    ("path", "option"),
    list(valued()),
)
def test_an_option_that_has_no_value_an_empty_one_or_two_is_named(
    path: tuple[str, ...], option: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    name = option.opts[0]
    where, end = f"{' '.join(path)}: {name} ", f" See: tgbot {' '.join(path)} --help"
    for words, problem in (
        *([] if name == PAGE else [([name], "needs a value.")]),  # without a value it takes the usual place
        ([f"{name}="], "is empty: give it a value, or leave it out."),
        ([name, " "], "is empty: give it a value, or leave it out."),
        *([] if option.multiple else [([name, "1", name, "2"], "is given twice: give it once.")]),
    ):
        assert said([*path, *words], capsys) == where + problem + end


@pytest.mark.parametrize("path", [path for path, _ in leaves()], ids=" ".join)
def test_an_unknown_option_an_empty_argument_and_too_many_are_told_of_each_command(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    end = f" See: tgbot {' '.join(path)} --help"
    if path[0] not in ("resolve", "check"):  # the id of a chat begins as an option does
        assert said([*path, "--zzz"], capsys).startswith(f"{' '.join(path)}: there is no option --zzz")
    assert said([*path, ""], capsys).endswith("argument 1 is empty: give it a value, or leave it out." + end)
    if path[-1] not in ("retry", "drop"):  # they take any number of keys
        told = said([*path, *["start", "2", "3"][: 3 if path == ("link",) else 2]], capsys)
        assert told.endswith(end)


@pytest.mark.parametrize(("path", "command"), list(leaves()))
def test_help_has_every_option_its_default_and_examples_that_parse(
    path: tuple[str, ...], command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.status([*path, "--help"]) == 0
    text = capsys.readouterr().out
    assert "<bool>" not in text
    for option in command.params:
        assert option.opts[-1] in text or str(option.metavar) in text
        if option.param_type_name == "option" and not option.is_flag:
            options = text.partition("─ Options ─")[2]
            explained = options.partition(f" {option.opts[0]} ")[2].partition(" --")[0]
            assert "[default: " in explained, f"{option.opts[0]} has no default in the help"
    examples = re.findall(r"^ +• (.+(?:\n {4,}\S.*)*)$", text.partition("Examples:")[2], re.MULTILINE)
    assert examples
    for example in examples:
        assert parses(shlex.split(example)), example


def test_the_help_of_a_group_names_all_of_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for group, command in subcommands(COMMAND).items():
        if subcommands(command):
            assert cli.status([group, "--help"]) == 0
            text = capsys.readouterr().out
            assert all(f"│ {name} " in text for name in subcommands(command))


@pytest.mark.parametrize("words", [["--help"], ["-h", "run"], ["--config", "run", "--help"], []])
def test_help_of_no_command_names_all_of_them(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.status(words) == (0 if words else 2)
    text = "".join(capsys.readouterr())
    assert all(f"│ {name} " in text for name in subcommands(COMMAND))


def test_a_command_line_imports_the_module_of_its_own_command_alone() -> None:
    code = (
        "import sys; from tgbot.cli.commandline import command_for as get; get('status'); print(*sys.modules)"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    modules = set(asked.stdout.split())
    assert "tgbot.cli.state" in modules
    assert not {"tgbot.cli.users", "tgbot.cli.broadcast.commands", "tgbot.cli.running"} & modules


def test_numbers_have_their_nouns() -> None:
    assert [counted(number, "user") for number in (0, 1, 2, 1000)] == [
        "0 users",
        "1 user",
        "2 users",
        "1,000 users",
    ]
    assert counted(1, "entry", "entries") == "1 entry"
    assert counted(3, "entry", "entries") == "3 entries"
