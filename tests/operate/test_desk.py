"""docs/control.md has every command of the running bot, with its arguments, and the fields of its results."""

from __future__ import annotations

import asyncio
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure
from tests.test_docs import ROOT
from tgbot import reload
from tgbot.app import Bot, _rebuild, open_bot
from tgbot.config.loading import load
from tgbot.core.admins import Admins
from tgbot.core.nodes import Other
from tgbot.core.users import Profile, Way
from tgbot.locales.library import Library
from tgbot.operate.control import Command
from tgbot.operate.desk import after_login, before_login
from tgbot.operate.nodes import Lease, handover
from tgbot.sandbox.server import Sandbox
from tgbot.store.lease import Holder
from tgbot.store.sqlite.store import SqliteStore

PAGE = (ROOT / "docs/control.md").read_text(encoding="utf-8")
#: The program of the page.
PROGRAM = textwrap.dedent(re.search(r"\n( {4}import json.*?\n)\n\*\*Limits", PAGE, re.DOTALL)[1])  # type: ignore[index]  # it is there
#: What is asked of a bot that knows Anna (7).
ASKED: dict[str, dict[str, Any]] = {
    "status": {},
    "users.show": {"id": 7},
    "users.list": {"limit": 5},
    "users.import": {"users": [{"id": 8}]},
    "users.rebuild": {"do": "status"},
    "resolve": {"name": "@boris_b"},
    "broadcast.create": {"contents": {"": {"text": "News"}}},
    "broadcast.status": {"id": 1},
    "broadcast.list": {},
    "broadcast.plan": {"id": 1},
    "broadcast.test": {"id": 1, "to": [7]},
    "broadcast.deletable": {"id": 1},
    "jobs.list": {},
    "parked.list": {},
    "sweep.start": {},
    "sweep.watch": {},
    "log": {"level": "WARNING", "logger": "tgbot.operate.control"},
    "reload": {},
    "drain": {},
}


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table under a heading of the page."""
    section = PAGE.partition(f"# {title}\n")[2].partition("\n#")[0]
    found = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    assert found
    return found


def arguments_of(command: Command) -> set[tuple[str, bool]]:
    """Return the arguments of a command, and whether each may be left out."""
    _, *parameters = inspect.signature(command).parameters.values()
    return {(each.name, each.default is not each.empty) for each in parameters}


class ThisNode:
    """A node of whose commands only the arguments are looked at."""

    name, heir, errors = "left", "", 0
    holder: Holder | None = None
    situation = "no node leads"

    @property
    def lease(self) -> Lease:
        raise NotImplementedError

    async def others(self) -> list[Other]:
        return []


async def test_the_page_has_each_command_with_its_arguments(
    bot: Bot, configure: Configure, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "a.session", tmp_path / "u.sqlite", clock=bot.clock)
    try:
        known: dict[str, Command] = {
            **before_login(bot.client, store, bot.clock, lambda: asyncio.sleep(0, None)),
            **after_login(bot, store, _rebuild(bot, store, store.load)),
            "handover": handover(ThisNode(), lambda node: None),
            "reload": reload.command(
                lambda warn: configure(), configure(), Library(), Admins(), lambda: None
            ),
        }
    finally:
        store.close()
    described = {}
    for name, *middle, _ in rows("The commands"):
        found = re.findall(r"`(\w+)`(\??)", "".join(middle))
        described[name.strip("`")] = {(argument, bool(mark)) for argument, mark in found}
    assert described == {name: arguments_of(command) for name, command in known.items()}


async def test_the_page_has_each_field_and_its_program_needs_nothing_of_the_bot(
    configure: Configure, sandbox: Sandbox, tmp_path: Path
) -> None:
    config = configure()
    async with open_bot(config, serve=True, read=lambda warn: load(tmp_path / "config.toml", {})) as bot:
        bot.users.seen(Profile(7, "Anna"), 5, Way.MESSAGE)
        sandbox.world.new_user("Boris", username="boris_b")
        program = PROGRAM.replace("sessions/bot.control", str(config.storage.control))
        names: dict[str, Any] = {}
        await asyncio.to_thread(exec, program, names)
        results = {}
        for command, arguments in ASKED.items():
            results[command] = (await asyncio.to_thread(names["ask"], command, **arguments))["result"]
    results.pop("broadcast.create")  # it has the same
    for title, command in (
        ("Status", "status"),
        ("Users", "users.show"),
        ("Rebuild", "users.rebuild"),
        ("Sweep", "sweep.watch"),
        ("Broadcasts", "broadcast.status"),
    ):
        told = [name for cells in rows(title) for name in re.findall(r"`(\w+)`", cells[0])]
        assert told == list(dict.fromkeys(told))
        assert set(told) == set(results.pop(command)), title
    del results["sweep.start"]  # it has the same fields as the other
    for command, result in results.items():
        (line,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{command}` |"))
        for field in result:
            told = re.findall(rf"`{field}`", line if command != "users.import" else PAGE)
            assert told or field in set(results["resolve"]) - {"id", "kind"}, (command, field)
