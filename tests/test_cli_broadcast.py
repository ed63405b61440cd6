"""`tgbot broadcast …` as it is typed: through the running bot, and on its files."""

# ruff: noqa: ASYNC240 - a test's event loop has nothing else to do

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import pty
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import types

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure
from tests.telegram.conftest import until
from tgbot import cli
from tgbot.app import Bot, open_bot
from tgbot.core.users import Profile, Way
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox
from tgbot.store.lock import instance_lock
from tgbot.store.sqlite.userfile import SqliteRegistry

TEXT = "the planted text"
DAY = 86_400


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but the test's own; relative paths are in its directory."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("TGBOT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def met(tmp_path: Path) -> None:
    """Four people wrote to the bot, which does not run: two speak Russian, and one of these came long ago."""
    now = int(time.time())
    (tmp_path / "sessions").mkdir()
    with closing(SqliteRegistry(tmp_path / "sessions" / "users.sqlite", clock=time.time)) as users:
        for person, language, ago in ((1, "en", 0), (2, "ru", 0), (3, "ru", 40 * DAY), (4, "en", 0)):
            users.seen(Profile(person, "Anna", language=language), now - ago, Way.MESSAGE)
            users.wrote(person, now - ago, person, "autumn" if person == 4 else None)
        await users.flush()


@pytest.fixture
def tgbot(configure: Configure, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Return a function that runs a command in a thread, and returns its status and what it printed."""
    configure()

    async def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = await asyncio.to_thread(cli.status, ["--config", "config.toml", "broadcast", *arguments])
        return (status, *capsys.readouterr())

    return run


@pytest.fixture(params=["the bot runs", "no bot runs"])
async def wherever(request: pytest.FixtureRequest, met: None, configure: Configure) -> AsyncIterator[None]:
    """Run a test with a running bot, and again on its files."""
    if request.param == "no bot runs":
        yield
        return
    async with open_bot(configure(), serve=True):
        yield


async def made(tgbot: Any, *arguments: str) -> dict[str, Any]:
    """Make a draft, and return what `--json` says of it."""
    status, out, err = await tgbot("create", *(arguments or ("--text", TEXT)), "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


async def asked(tgbot: Any, *arguments: str) -> dict[str, Any]:
    """Return the JSON that a command prints."""
    status, out, err = await tgbot(*arguments, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


async def recipients(tgbot: Any, *arguments: str) -> int:
    """Return how many people a draft with these conditions is for."""
    draft = await made(tgbot, "--text", TEXT, *arguments)
    return int((await asked(tgbot, "plan", str(draft["id"])))["recipients"])


# ---- drafts ---------------------------------------------------------------------------------------


async def test_a_draft_is_made_shown_and_listed_without_its_text(wherever: None, tgbot: Any) -> None:
    status, out, err = await tgbot(
        *("create", "--text", f"**{TEXT}**", "--markdown", "--name", "Autumn", "--zone", "Europe/Berlin"),
        *("--button", "Look = https://example.com/?a=b", "--language", "RU", "--silent", "--rate", "10"),
        *("--until", "2099-12-01 21:00"),
    )
    assert (status, err) == (0, "")
    for words in (
        "broadcast     1  Autumn\n",
        "state         draft\n",
        f"content       text, {len(TEXT)} characters\n",
        "button        Look = https://example.com/?a=b\n",
        "recipients    who speak ru\n",
        "options       without a sound, 10 a second at most\n",
        "deadline      Tue 2099-12-01 21:00 CET (Europe/Berlin)\n",
        "Look at it first: tgbot broadcast test 1; then: tgbot broadcast start 1\n",
    ):
        assert words in out
    assert TEXT not in out
    assert (await tgbot("status", "1", "--zone", "Europe/Berlin"))[1] == out.rpartition("Look at")[0]
    await made(tgbot)
    status, out, _ = await tgbot("list")
    assert (status, [line.split() for line in out.splitlines()]) == (
        0,
        [["1", "draft", "-", "-", "Autumn"], ["2", "draft", "-", "-"]],
    )
    assert (await tgbot("status"))[1] == out
    listed = [json.loads(line) for line in (await tgbot("list", "--json"))[1].splitlines()]
    assert [(one["id"], one["name"], one["state"]) for one in listed] == [
        (1, "Autumn", "draft"),
        (2, "", "draft"),
    ]


async def test_a_watch_of_what_does_not_go_on_by_itself_ends_at_once(wherever: None, tgbot: Any) -> None:
    await made(tgbot)
    status, out, err = await tgbot("status", "1", "--watch")
    assert (status, err) == (0, "")
    assert out.startswith("broadcast 1: draft\nbroadcast     1\nstate         draft\n")


async def test_the_status_has_the_promised_fields(wherever: None, tgbot: Any) -> None:
    draft = await made(tgbot, "--text", TEXT, "--at", "2099-12-01T21:00Z")
    promised = (
        "id",
        "state",
        "audience",
        "sent",
        "blocked",
        "deactivated",
        "not_allowed",
        "failed",
        "waiting",
    )
    assert set(draft) >= {*promised, "rate", "started", "ended"}
    assert (draft["state"], draft["audience"], draft["at"]) == ("draft", None, 4_099_842_000)
    assert await asked(tgbot, "status", str(draft["id"])) == draft
    assert TEXT not in json.dumps(draft)


async def test_a_text_comes_from_a_file_in_the_markup_of_its_ending(wherever: None, tgbot: Any) -> None:
    for name, option, shown in (
        ("news.txt", [], 9),
        ("news.md", [], 5),
        ("news.HTML", [], 2),
        ("news.md", ["--plain"], 9),
        ("news.txt", ["--markdown"], 5),
    ):
        Path(name).write_text("\ufeff<b>**x**</b>\n\n" if "HTML" not in name else "<b>hi</b>\n")
        if name == "news.md":
            Path(name).write_text("**hi** ab\n")
        draft = await made(tgbot, "--file", name, *option)
        characters = draft["definition"]["contents"][""]["characters"]
        assert (
            characters
            == {"news.txt": 12 if not option else 8, "news.HTML": 2, "news.md": 9 if option else 5}[name]
        )
        assert shown


async def test_each_language_has_its_text_and_standard_input_may_be_one(
    wherever: None, tgbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("ru.md").write_text("Привет")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Hello\n"), encoding="utf-8"))
    draft = await made(tgbot, "--file", "-", "--in", "ru=ru.md")
    contents = draft["definition"]["contents"]
    assert {code: content["characters"] for code, content in contents.items()} == {"": 5, "ru": 6}
    plan = await asked(tgbot, "plan", str(draft["id"]))
    assert plan["languages"] == {"": 2, "ru": 2}
    status, out, _ = await tgbot("plan", str(draft["id"]))
    assert (status, "texts         2 everybody else, 2 ru\n" in out) == (0, True)


async def test_conditions_narrow_the_audience(wherever: None, tgbot: Any) -> None:
    Path("ids.txt").write_text("1\n\n3\n3\n77\n")
    Path("ids.csv").write_text("user_id;name\n2;Boris\n4;Clara\n")
    for arguments, number in (
        ([], 4),
        (["--language", "ru"], 2),
        (["--language", "ru", "--language", "en"], 4),
        (["--seen-after", "30d"], 3),
        (["--seen-before", "30d"], 1),
        (["--first-seen-after", "30d", "--language", "ru"], 1),
        (["--first-seen-before", "2020-01-01"], 0),
        (["--payload", "aut"], 1),
        (["--premium"], 0),
        (["--no-premium"], 4),
        (["--ids", "ids.txt"], 2),
        (["--ids", "ids.csv", "--language", "ru"], 1),
    ):
        assert await recipients(tgbot, *arguments) == number, arguments


async def test_a_plan_says_who_is_left_out_and_how_long_it_takes(wherever: None, tgbot: Any) -> None:
    await made(tgbot, "--text", TEXT, "--language", "ru", "--rate", "0.5")
    status, out, err = await tgbot("plan", "1")
    assert (status, err) == (0, "")
    assert out == (
        "recipients    2\nleft out      2 not in the audience\n"
        "time          4 s at 0.5 a second\nprice         nothing\n"
    )


async def test_a_draft_is_changed_and_what_is_not_named_stays(wherever: None, tgbot: Any) -> None:
    await made(tgbot, "--text", TEXT, "--name", "Autumn", "--until", "2099-12-01T21:00Z", "--language", "ru")
    changed = await asked(tgbot, "edit", "1", "--text", "short", "--seen-after", "2026-01-01", "--no-preview")
    assert changed["definition"]["contents"][""]["characters"] == 5
    assert set(changed["definition"]["audience"]) == {"languages", "last_seen_after"}
    assert (changed["name"], changed["definition"]["preview"]) == ("Autumn", False)
    assert changed["until"] == 4_099_842_000
    words = ("--clear", "until", "--clear", "audience", "--clear", "name", "--premium")
    changed = await asked(tgbot, "edit", "1", *words)
    assert (changed["until"], changed["name"]) == (None, "")
    assert changed["definition"]["audience"] == {"premium": True}
    assert changed["definition"]["contents"][""]["characters"] == 5
    assert "with Premium" in (await tgbot("edit", "1", "--clear", "rate"))[1]


async def test_a_message_that_is_copied_is_named_by_its_link_or_by_chat_and_id(
    wherever: None, tgbot: Any
) -> None:
    for given in ("-1000000012345/12", "https://t.me/c/12345/12", "t.me/c/12345/12"):
        draft = await made(tgbot, "--message", given)
        assert draft["definition"]["contents"][""]["copy_of"] == {"chat": -1000000012345, "message": 12}
    assert "content       message 12 of chat -1000000012345\n" in (await tgbot("status", "1"))[1]


# ---- refusals -------------------------------------------------------------------------------------

WRONG: list[tuple[str, str]] = [
    ("create", "--text, --file or --message: there is nothing to send: give it a text, a file or a message"),
    ("create --text a --file f", "--text and --file: give one of them"),
    ("create --file absent", "--file = 'absent': it cannot be read (No such file or directory): name a file"),
    ("create --file latin", "--file = 'latin': it is no UTF-8 text: save it as UTF-8"),
    (
        "create --file empty",
        "--file = 'empty': The content of the broadcast cannot be used: the text is empty",
    ),
    (
        "create --file long",
        "--file = 'long': The content of the broadcast cannot be used: the text has 5,000",
    ),
    ("create --text a --markdown --html", "--markdown and --html: give one of them"),
    ("create --message @a_name/1 --html", "--html: it goes with a text: --text, --file or --in"),
    (
        "create --message nobody",
        "--message = 'nobody': expected CHAT/ID such as @news/12 or -1001234567890/12",
    ),
    ("create --message @news/0", "--message = '@news/0': expected CHAT/ID"),
    ("create --message https://example.com/5", "--message = 'https://example.com/5': expected CHAT/ID"),
    ("create --text a --in ru", "--in = 'ru': expected LANGUAGE=FILE, such as ru=news.ru.md"),
    ("create --text a --in 12=long", "--in = '12': expected the code of a language, such as ru or pt-br"),
    ("create --text a --in ru=absent", "--in = 'absent': it cannot be read"),
    (
        "create --text a --in ru=long",
        "--in = 'ru=long': The content of the broadcast cannot be used: the text",
    ),
    ("create --text a --in ru=news --in RU=news", "--in: there are two texts for ru: give one"),
    ("create --file - --ids -", "-: standard input (-) can be read once"),
    ("create --text a --button Look", "--button = 'Look': expected TEXT=LINK, such as"),
    ("create --text a --button =x", "--button = '=x': expected TEXT=LINK"),
    ("create --text a --language 12", "--language = '12': expected the code of a language"),
    ("create --text a --seen-after soon", "--seen-after = 'soon': expected a date such as 2026-11-01"),
    ("create --text a --seen-before 21:00", "--seen-before = '21:00': expected a date such as"),
    ("create --text a --first-seen-after x", "--first-seen-after = 'x': expected a date such as"),
    ("create --text a --first-seen-before x", "--first-seen-before = 'x': expected a date such as"),
    ("create --text a --at 9", "--at = '9': expected a time such as"),
    (
        "create --text a --at 2020-01-01T09:00Z --zone UTC",
        "2020-01-01 09:00 UTC is in the past: give a later time",
    ),
    ("create --text a --until 2020-01-01T09:00", "is in the past: give a later time"),
    (
        "create --text a --zone Mars",
        "--zone = 'Mars': expected the name of a time zone, such as Europe/Berlin",
    ),
    ("create --text a --rate fast", "--rate = 'fast': expected a number of people from 0.01 to 1000"),
    ("create --text a --rate nan", "--rate = 'nan': expected a number"),
    ("create --text a --rate 0", "--rate = '0': expected a number"),
    ("create --text a --ids absent", "--ids = 'absent': it cannot be read"),
    ("create --text a --ids empty", "--ids = 'empty': there are no ids in it: expected one id a line"),
    (
        "create --text a --ids ids",
        "--ids = 'ids': no user id in lines 2, 4, 5: expected one id a line, or a table",
    ),
    (
        "create --text a --ids many",
        "--ids = 'many': no user id in lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 20 more:",
    ),
    ("edit 1", "--text, --until or another: there is nothing to change: name what"),
    (
        "edit 1 --clear everything",
        "--clear = 'everything': expected one of at, until, name, rate, buttons, audience",
    ),
    ("edit x --text a", "ID = 'x': expected a whole number, at least 1"),
    ("status --watch", "--watch: it goes with the number of a broadcast"),
    ("status 0", "ID = '0': expected a whole number, at least 1"),
    ("test 1 --language 12", "--language = '12': expected the code of a language"),
    ("resume 1 --until 1", "--until = '1': expected a time such as"),
    ("report 1 --csv absent/x.csv", "--csv: there is no directory 'absent' for 'x.csv': make it"),
    ("report 1 --chart .", "--chart: '.' is a directory: name a file"),
    ("start 1 --stars many", "--stars = 'many': expected a whole number, at least 0"),
]


@pytest.mark.parametrize(("typed", "words"), WRONG, ids=[typed for typed, _ in WRONG])
async def test_what_cannot_be_meant_is_refused_with_option_value_and_what_is_expected(
    typed: str, words: str, met: None, tgbot: Any
) -> None:
    Path("news").write_text("News")
    Path("f").touch()
    Path("latin").write_bytes("é".encode("latin-1"))
    Path("empty").write_text(" \n")
    Path("long").write_text("x" * 5_000)
    Path("ids").write_text("1\nAnna\n2,x\n-5\n9999999999999999999999\n")
    Path("many").write_text("Anna\n" * 30)
    status, out, err = await tgbot(*typed.split())
    assert (status, out) == (2, "")
    assert words in err
    assert err.endswith(f" See: tgbot broadcast {typed.split()[0]} --help\n")
    assert ".." not in err.replace("...", "")
    assert (await tgbot("list"))[1] == ""


@pytest.mark.parametrize(
    ("typed", "status", "words"),
    [
        ("create --text a --button a=b", 2, "the link of a button is no http, https or tg link"),
        ("create --in ru=news", 2, "it is in ru only, and others would get nothing"),
        ("create --text a --at 22:00 --until 2099-01-01T00:00 --rate 0.01 --payload x", 0, ""),
        ("create --text a --at 2099-01-02T00:00 --until 2099-01-01T00:00", 2, "or before the beginning"),
        ("status 9", 3, 'There is no broadcast 9: "tgbot broadcast list" shows all of them.'),
        ("plan 9", 3, "There is no broadcast 9"),
        ("edit 9 --text a", 3, "There is no broadcast 9"),
        ("report 9", 3, "There is no broadcast 9"),
        ("report 1 --chart x.gif", 2, "x.gif: expected a name that ends in .png or .svg"),
        ("pause 9", 3, "There is no broadcast 9"),
        ("resume 9", 3, "There is no broadcast 9"),
        ("cancel 9", 3, "There is no broadcast 9"),
        ("pause 1", 1, "Broadcast 1 is draft, so it cannot be paused: start it first."),
        ("resume 1", 1, "Broadcast 1 is draft, so it cannot be resumed"),
    ],
)
async def test_what_the_rules_refuse_is_told_in_the_same_words_everywhere(
    typed: str, status: int, words: str, wherever: None, tgbot: Any
) -> None:
    Path("news").write_text("News")
    await made(tgbot)
    found, out, err = await tgbot(*typed.split())
    assert (found, words in err) == (status, True), err
    assert status == 0 or out == ""


@pytest.mark.parametrize("typed", ["test 1", "start 1 --yes", "create --message @news/12", "plan 2"])
async def test_what_needs_telegram_is_refused_while_no_bot_runs(typed: str, met: None, tgbot: Any) -> None:
    await made(tgbot)
    await made(tgbot, "--message", "-1000000012345/12")
    status, out, err = await tgbot(*typed.split())
    assert (status, out) == (3, "")
    assert "start it (tgbot run)" in err or "start the bot (tgbot run)" in err


async def test_without_files_there_is_nothing_to_write_to(tgbot: Any) -> None:
    for words in (["create", "--text", "a"], ["list"], ["status", "1"], ["cancel", "1"]):
        status, _, err = await tgbot(*words)
        assert (status, "it has not run with this configuration yet" in err) == (1, True), words


async def test_a_bot_that_takes_no_commands_keeps_its_files(
    met: None, tgbot: Any, configure: Configure
) -> None:
    await made(tgbot)
    with instance_lock(configure().storage.session):
        for words in (["create", "--text", "a"], ["cancel", "1"], ["start", "1"], ["test", "1"]):
            status, _, err = await tgbot(*words)
            assert (status, f"(pid {os.getpid()}) has the session" in err) == (1, True), words
        assert (await tgbot("status", "1"))[0] == 0


async def test_what_strangers_wrote_is_cleaned(met: None, tgbot: Any) -> None:
    name = "A\x1b[31m\u202eB"
    await made(
        tgbot, "--text", TEXT, "--name", name, "--payload", name, "--button", f"{name}=https://example.com"
    )
    for words in (["list"], ["status", "1"]):
        out = (await tgbot(*words))[1]
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "A" in out


# ---- the running bot --------------------------------------------------------------------------------


def read_to_the_end(terminal: int) -> str:
    """Return all that is written to a terminal until nobody has it open any more."""
    text = b""
    with suppress(OSError):  # Linux's end of a terminal
        while more := os.read(terminal, 4096):
            text += more
    os.close(terminal)
    return text.decode()


class Office:
    """A running bot, its people, and the commands for it."""

    def __init__(self, bot: Bot, sandbox: Sandbox, account: Account, tgbot: Any) -> None:
        self.bot = bot
        self._world = sandbox.world
        self._account = account
        self._tgbot = tgbot

    async def meet(self, number: int) -> list[int]:
        """Have so many people write to the bot."""
        people = [int(self._world.new_user(f"P{each}").id) for each in range(number)]
        for person in people:
            self._world.send_as(person, self._account.id, "/start")
        await until(lambda: all(self.bot.users.last_finished(person) for person in people))
        return people

    def heard(self, person: int) -> int:
        """Return how often a person got the text."""
        copies = self._world.accounts[person].log.above(0, 0)
        return sum(one.message is not None and one.message.post.text == TEXT for one in copies)

    def shows(self, person: int) -> list[str]:
        """Return what a person sees of the broadcast in the dialog with the bot."""
        box = self._world.accounts[person].box
        copies = [box.get(number) for number in box.dialogs[self._account.id].ids]
        texts = [one.post.text for one in copies if one is not None and not one.out]
        return [text for text in texts if text in (TEXT, "mended")]

    def payload(self, person: int) -> str:
        """Return the start payload in the first button of the text that a person got."""
        posts = [one.message.post for one in self._world.accounts[person].log.above(0, 0) if one.message]
        (post,) = (post for post in posts if post.text == TEXT)
        assert isinstance(post.markup, types.ReplyInlineMarkup)
        kind = post.markup.rows[0].buttons[0].type
        assert isinstance(kind, types.InlineButtonTypeUrl)
        return str(kind.url).partition("?start=")[2]

    async def ends(self, number: int, state: str = "done") -> dict[str, Any]:
        """Return the status of a broadcast once it is in this state."""
        await until(lambda: self.bot.broadcasts.status(number)["state"] == state)
        return await asked(self._tgbot, "status", str(number))


@pytest.fixture
async def office(
    configure: Configure, sandbox: Sandbox, account: Account, tgbot: Any
) -> AsyncIterator[Office]:
    async with open_bot(configure(), serve=True) as bot:
        yield Office(bot, sandbox, account, tgbot)


async def test_a_broadcast_is_tested_started_and_reaches_everybody_once(office: Office, tgbot: Any) -> None:
    people = await office.meet(5)
    await made(tgbot)
    status, out, err = await tgbot("test", "1", "--to", str(people[0]), "--to", str(people[1]))
    assert (status, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [[str(person), "sent"] for person in people[:2]]
    assert [office.heard(person) for person in people] == [1, 1, 0, 0, 0]
    status, out, err = await tgbot("start", "1", "--yes")
    assert (status, err) == (0, "")
    assert out.startswith("5 people, 1 s at 30 a second\nbroadcast     1\n")
    ended = await office.ends(1)
    assert (ended["audience"], ended["sent"], ended["waiting"]) == (5, 5, 0)
    assert ended["started"] <= ended["ended"]
    assert [office.heard(person) for person in people] == [2, 2, 1, 1, 1]
    shown = (await tgbot("status", "1"))[1]
    assert "state         done\n" in shown
    assert "sent          5\n" in shown
    assert "5 of 5" in (await tgbot("list"))[1]


async def test_what_was_delivered_is_edited_and_deleted_for_everybody(office: Office, tgbot: Any) -> None:
    people = await office.meet(3)
    await made(tgbot)
    status, _, err = await tgbot("delete", "1", "--yes")
    assert (status, "Broadcast 1 is draft, so it cannot be deleted" in err) == (1, True)
    await asked(tgbot, "start", "1", "--yes")
    await office.ends(1)
    status, _, err = await tgbot("edit", "1", "--text", "news", "--rate", "5", "--yes")
    assert status == 2
    assert "broadcast 1 is done, and of what it delivered only the texts and buttons can be edited" in err
    assert "leave out what else you named (rate)" in err
    for command in (["edit", "1", "--text", "news"], ["delete", "1"]):
        status, _, err = await tgbot(*command)
        assert (status, "--yes: nobody can be asked here" in err) == (2, True)
    status, out, err = await tgbot("edit", "1", "--text", "mended", "--yes")
    assert (status, err) == (0, "")
    await until(lambda: all(office.shows(person) == ["mended"] for person in people))
    edited = await office.ends(1)
    assert (edited["action"], edited["corrected"], edited["left"]) == ("edit", 3, 0)
    assert "edit          3 edited, 0 left\n" in (await tgbot("status", "1"))[1]
    status, out, err = await tgbot("delete", "1", "--yes", "--watch")
    assert (status, err) == (0, "")
    assert "broadcast 1: done, delete, 3 of 3 (100 %), 3 deleted\n" in out
    assert [office.shows(person) for person in people] == [[]] * 3


async def test_a_broadcast_that_is_done_is_edited_by_a_running_bot_only(
    configure: Configure, sandbox: Sandbox, account: Account, tgbot: Any
) -> None:
    async with open_bot(configure(), serve=True) as bot:
        office = Office(bot, sandbox, account, tgbot)
        await office.meet(1)
        await made(tgbot)
        await asked(tgbot, "start", "1", "--yes")
        await office.ends(1)
    for words in (["edit", "1", "--text", "new"], ["edit", "1", "--clear", "buttons"], ["delete", "1"]):
        status, _, err = await tgbot(*words, "--yes")
        assert (status, "start it (tgbot run)" in err) == (3, True), words


async def test_a_report_has_the_numbers_a_table_and_a_chart_also_when_the_bot_has_stopped(
    configure: Configure, sandbox: Sandbox, account: Account, tgbot: Any
) -> None:
    async with open_bot(configure(), serve=True) as bot:
        office = Office(bot, sandbox, account, tgbot)
        people = await office.meet(4)
        await made(tgbot, "--text", TEXT, "--name", "Autumn", "--button", "Begin=start:autumn")
        await asked(tgbot, "start", "1", "--yes")
        await office.ends(1)
        sandbox.world.send_as(people[0], account.id, f"/start {office.payload(people[0])}")
        await until(lambda: bot.broadcasts.status(1)["clicks"] == [1])
        running = await asked(tgbot, "report", "1", "--csv", "table.csv")
    assert (running["outcomes"]["sent"], running["recipients"]) == (4, 4)
    assert sum(step["outcomes"]["sent"] for step in running["steps"]) == 4
    assert (Path("table.csv").stat().st_mode & 0o777) == 0o600
    rows = list(csv.DictReader(io.StringIO(Path("table.csv").read_text())))
    assert [(int(row["id"]), row["outcome"], row["clicks"]) for row in rows] == [
        (person, "sent", "1" if person == people[0] else "") for person in sorted(people)
    ]
    assert await asked(tgbot, "report", "1") == running
    status, out, err = await tgbot("report", "1", "--csv", "table.csv")
    assert (status, err) == (0, "")
    for words in (
        "broadcast     1  Autumn\n",
        "outcomes      4 sent (100.0 % sent)\n",
        "clicks        Begin: 1 recipient\n",
        "written       table.csv\n",
    ):
        assert words in out
    assert TEXT not in out + json.dumps(running) + Path("table.csv").read_text()


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib, the extra chart, is not installed")
async def test_a_chart_is_drawn_into_a_file(met: None, tgbot: Any) -> None:
    await made(tgbot)
    for name, begin in (("chart.png", b"\x89PNG"), ("chart.svg", b"<?xml")):
        status, out, err = await tgbot("report", "1", "--chart", name, "--zone", "Asia/Tokyo")
        assert (status, f"written       {name}\n" in out) == (0, True), err
        assert Path(name).read_bytes().startswith(begin)


async def test_a_test_has_to_reach_somebody(office: Office, tgbot: Any) -> None:
    await made(tgbot)
    status, out, err = await tgbot("test", "1")
    assert (status, out) == (2, "")
    assert "to: the bot has no admins, so name who gets the test" in err
    status, out, _ = await tgbot("test", "1", "--to", "5999999999", "--json")
    (result,) = json.loads(out)["results"]
    assert (status, result["user"], result["result"] == "sent") == (1, 5_999_999_999, False)


async def test_a_broadcast_that_has_ended_is_removed_with_all_that_is_kept_of_it(
    office: Office, tgbot: Any, tmp_path: Path
) -> None:
    await office.meet(2)
    await made(tgbot, "--text", TEXT, "--rate", "0.01")
    assert (await asked(tgbot, "start", "1", "--yes"))["state"] == "running"
    status, _, err = await tgbot("remove", "1", "--yes")
    assert (status, err) == (1, "tgbot: Broadcast 1 is running, so it cannot be removed: pause it first.\n")
    assert (await asked(tgbot, "cancel", "1"))["state"] == "cancelled"
    assert (await tgbot("remove", "1"))[0] == 2  # nobody can be asked here
    assert await asked(tgbot, "remove", "1", "--yes") == {"id": 1, "removed": True}
    assert (await tgbot("status", "1"))[0] == (await tgbot("remove", "1", "--yes"))[0] == 3
    assert (await made(tgbot))["id"] == 2  # no number is given twice
    with closing(sqlite3.connect(tmp_path / "sessions" / "users.sqlite")) as file:
        assert file.execute("SELECT count(*) FROM deliveries").fetchone() == (0,)


async def test_a_broadcast_pauses_goes_on_and_is_cancelled(office: Office, tgbot: Any) -> None:
    people = await office.meet(4)
    await made(tgbot, "--text", TEXT, "--rate", "0.01")
    assert (await asked(tgbot, "start", "1", "--yes"))["state"] == "running"
    await until(lambda: office.bot.broadcasts.status(1)["sent"] == 1)
    status, out, _ = await tgbot("pause", "1")
    assert (status, "state         paused\n" in out, "sent          1\n" in out) == (0, True, True)
    assert (await asked(tgbot, "resume", "1", "--until", "2099-01-01T00:00Z"))["until"] == 4_070_908_800
    cancelled = await asked(tgbot, "cancel", "1")
    assert (cancelled["state"], cancelled["waiting"] + cancelled["sent"]) == ("cancelled", 4)
    status, _, err = await tgbot("resume", "1")
    assert (status, err) == (1, "tgbot: Broadcast 1 is cancelled, so it cannot be resumed: make a new one.\n")
    assert sum(map(office.heard, people)) == cancelled["sent"]


async def test_a_broadcast_is_paused_and_goes_on_while_no_bot_runs(
    configure: Configure, sandbox: Sandbox, account: Account, tgbot: Any
) -> None:
    async with open_bot(configure(), serve=True) as bot:
        office = Office(bot, sandbox, account, tgbot)
        people = await office.meet(3)
        await made(tgbot, "--text", TEXT, "--rate", "0.01")
        await asked(tgbot, "start", "1", "--yes")
    _, out, _ = await tgbot("status", "1")
    assert "state         running; no bot runs, so it goes on when the bot is started\n" in out
    assert (await tgbot("status", "1", "--watch"))[0] == 3
    assert "state         paused\n" in (await tgbot("pause", "1"))[1]
    async with open_bot(configure(), serve=True):
        assert (await asked(tgbot, "status", "1"))["state"] == "paused"
    assert (await asked(tgbot, "resume", "1"))["state"] == "running"
    async with open_bot(configure(), serve=True) as bot:
        office = Office(bot, sandbox, account, tgbot)
        assert (await asked(tgbot, "cancel", "1"))["state"] == "cancelled"
        assert all(office.heard(person) <= 1 for person in people)


async def test_a_time_to_begin_makes_it_scheduled_and_now_does_not_wait(office: Office, tgbot: Any) -> None:
    await office.meet(1)
    await made(tgbot, "--text", TEXT, "--at", "2099-01-01T00:00Z")
    _, out, _ = await tgbot("start", "1", "--yes", "--zone", "UTC")
    assert "state         scheduled\n" in out
    assert "begins        Thu 2099-01-01 00:00 UTC\n" in out
    assert "Thu 2099-01-01 00:00 UTC" in (await tgbot("list", "--zone", "UTC"))[1]
    status, _, err = await tgbot("edit", "1", "--until", "2099-01-02T00:00Z")
    assert (status, "Broadcast 1 is scheduled, so it cannot be changed: it begins by itself" in err) == (
        1,
        True,
    )
    assert (await asked(tgbot, "start", "1", "--yes", "--now"))["state"] in ("running", "done")
    await office.ends(1)


async def test_a_price_has_to_be_agreed_to(
    configure: Configure, sandbox: Sandbox, account: Account, tgbot: Any
) -> None:
    async with open_bot(configure(pace=1000), serve=True) as bot:
        office = Office(bot, sandbox, account, tgbot)
        await office.meet(3)
        await made(tgbot, "--text", TEXT, "--paid")
        assert "price         1 star at most\n" in (await tgbot("plan", "1"))[1]
        status, out, err = await tgbot("start", "1", "--yes")
        assert (status, out) == (1, "")
        assert "may cost up to 1 stars" in err
        assert "--stars 1" in err
        status, out, err = await tgbot("start", "1", "--yes", "--stars", "1")
        assert (status, "1 star at most" in out) == (0, True), err
        await office.ends(1)


async def test_nobody_is_asked_without_a_terminal_and_nothing_is_sent(office: Office, tgbot: Any) -> None:
    (person,) = await office.meet(1)
    await made(tgbot)
    status, _, err = await tgbot("start", "1")
    assert (status, "--yes: nobody can be asked here" in err) == (2, True)
    assert (await asked(tgbot, "status", "1"))["state"] == "draft"
    assert office.heard(person) == 0


async def test_a_broadcast_for_nobody_is_status_3_with_advice(office: Office, tgbot: Any) -> None:
    await made(tgbot, "--text", TEXT, "--language", "ru")
    status, _, err = await tgbot("start", "1", "--yes")
    assert (status, "Broadcast 1 has no recipients" in err) == (3, True)


async def test_a_channel_s_message_is_found_by_the_name_of_the_channel(office: Office, tgbot: Any) -> None:
    status, _, err = await tgbot("create", "--message", "@no_such_name/5")
    assert (status, "Nobody has the name @no_such_name" in err) == (3, True)


@pytest.mark.parametrize(("typed", "state"), [("n\n", "draft"), ("\n", "draft"), ("y\n", "running")])
async def test_a_terminal_is_asked_with_the_number_of_people(
    typed: str, state: str, office: Office, tgbot: Any
) -> None:
    await office.meet(2)
    await made(tgbot, "--text", TEXT, "--rate", "0.01")
    mine, its = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgbot.cli", "--config", "config.toml", "broadcast", "start", "1"),
        stdin=its,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(its)
    os.write(mine, typed.encode())
    out, err = await process.communicate()
    os.close(mine)
    assert b"Send to 2 people? [y/N]" in out + err
    assert (process.returncode, b"nothing was sent" in err) == (
        (0, False) if state == "running" else (1, True)
    )
    assert (await asked(tgbot, "status", "1"))["state"] == state


async def test_on_a_terminal_a_watch_is_one_line_that_changes(office: Office, tgbot: Any) -> None:
    await office.meet(2)
    await made(tgbot)
    mine, its = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgbot.cli", "--config", "config.toml"),
        *("broadcast", "start", "1", "--yes", "--watch"),
        stdout=its,
    )
    os.close(its)
    shown = await asyncio.to_thread(read_to_the_end, mine)
    assert await process.wait() == 0
    head, *lines, last = shown.replace("\r\n", "\n").split("\r\x1b[K")
    assert head == "2 people, 1 s at 30 a second\n"
    assert lines[-1] == "broadcast 1: done, 2 of 2 (100 %), 2 sent"
    assert all("\n" not in line for line in lines)
    assert last.startswith("broadcast     1\nstate         done\n")


async def test_a_watch_ends_with_the_broadcast_and_ctrl_c_ends_the_watch_only(
    office: Office, tgbot: Any
) -> None:
    await office.meet(3)
    await made(tgbot)
    status, out, err = await tgbot("start", "1", "--yes", "--watch")
    assert (status, err) == (0, "")
    assert "broadcast 1: done, 3 of 3 (100 %), 3 sent\n" in out
    assert out.endswith(f"ended{out.rpartition('ended')[2]}")
    await made(tgbot, "--text", TEXT, "--rate", "0.01")
    await asked(tgbot, "start", "2", "--yes")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tgbot.cli", "--config", "config.toml"),
        *("broadcast", "status", "2", "--watch", "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    for _ in range(2):
        assert json.loads(await process.stdout.readline())["state"] == "running"
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert (process.returncode, err) == (
        0,
        b"tgbot: the broadcast goes on; to stop it: tgbot broadcast pause 2\n",
    )
    assert (await asked(tgbot, "status", "2"))["state"] == "running"
