"""A bot moved here from Telethon: what it answers is answered once, however its handlers are written."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, events
from telethon.sessions import SQLiteSession
from telethon.tl import types

from tests.scenarios.conftest import Configure, StartBot
from tests.scenarios.talk import Talk, until
from tgbot.app import Bot, open_bot
from tgbot.config.settings import HANDLERS
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

DECORATED = r"""
    @client.on(events.NewMessage(pattern=r"^/start( .+)?$"))
    async def start(event):
        await event.respond("pizza: start")

    @client.on(events.NewMessage(pattern="/privacy", incoming=True))
    async def privacy(event):
        await event.reply("pizza: privacy")

    @client.on(events.NewMessage(pattern="/order"))
    async def order(event):
        await event.respond("pizza: order")
"""
REGISTERED = r"""
    @events.register(events.NewMessage(pattern=r"(?i)^/(start|privacy|order)\b"))
    async def command(event):
        await event.respond("pizza: " + event.pattern_match[1])

    client.add_event_handler(command)
"""
# Handlers that are added while the bot runs come behind the others at Telethon.
LATE = r"""
    async def command(event):
        await event.respond("pizza: " + event.pattern_match[1])

    async def later():
        client.add_event_handler(command, events.NewMessage(pattern=re.compile(r"/(start|privacy|order)")))

    client.spawn(later())
"""
CONVERSATION = r"""
    @client.on(events.NewMessage(pattern="/start"))
    async def start(event):
        async with client.conversation(event.chat_id) as talk:
            await talk.send_message("pizza: start")
            answer = await talk.get_response()
            await talk.send_message("pizza: " + answer.raw_text.strip("/"))
            answer = await talk.get_response()
            await talk.send_message("pizza: " + answer.raw_text.strip("/"))
"""
CLASS = r"""
    class Pizza:
        async def __call__(self, event):
            await event.respond("pizza: " + event.raw_text.strip("/"))

    known = ("/start", "/privacy", "/order")
    client.add_event_handler(Pizza(), events.NewMessage(pattern=lambda text: text in known))
"""
STOPS = r"""
    @client.on(events.NewMessage)
    async def all(event):
        await event.respond("pizza: " + event.raw_text.strip("/"))
        raise events.StopPropagation
"""
COMMANDS = (DECORATED, REGISTERED, LATE, CLASS, STOPS)

IFS = r"""
    @client.on(events.NewMessage(incoming=True))
    async def all(event):
        if event.raw_text == "/start":
            await event.respond("pizza: start")
        elif event.raw_text == "/order":
            await client.send_message(event.chat_id, "pizza: order")
        else:
            await event.reply("pizza: " + event.raw_text)
"""
FILTERED = r"""
    @client.on(events.NewMessage(func=lambda e: e.is_private))
    async def all(event):
        await client.send_file(event.chat_id, b"cheese", caption="pizza: " + event.raw_text.strip("/"))
"""
RAW = r"""
    @client.on(events.Raw(types.UpdateNewMessage))
    async def raw(update):
        message = update.message
        if not message.out:
            await client.send_message(message.peer_id, "pizza: " + message.message.strip("/"))
"""
FALLBACKS = (IFS, FILTERED, RAW)

ALBUMS = r"""
    @client.on(events.Album)
    async def album(event):
        await event.respond(f"pizza: {len(event.messages)}")
"""
BROKEN = r"""
    failed = []

    @client.on(events.NewMessage(pattern="/start"))
    async def start(event):
        if not failed:
            failed.append(event)
            raise OSError("the oven is cold")
        await event.respond("pizza: start")
"""

LOGS = r"""
    @client.on(events.NewMessage)
    async def log(event):
        await client.send_message(%d, "seen")

    @client.on(events.Raw)
    async def raw(update):
        pass

    @client.on(events.NewMessage(pattern="/other"))
    async def other(event):
        await event.respond("pizza: other")

    @client.on(events.NewMessage(pattern="/start", outgoing=True))
    async def outgoing(event):
        await event.respond("pizza: never")
"""


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """Return a function that writes a plugin out of the body of its `register`, and returns its name."""

    def write(body: str) -> str:
        name = f"moved_{abs(hash((body, request.node.name)))}"
        begin = (
            "import re\nfrom telethon import events\nfrom telethon.tl import types\n\ndef register(client):\n"
        )
        (tmp_path / f"{name}.py").write_text(begin + textwrap.indent(textwrap.dedent(body), "    "))
        return name

    monkeypatch.syspath_prepend(tmp_path)
    return write


async def end(talk: Talk) -> str:
    """Return the answer to an unlikely command: one that nobody but help, or a plugin for all, answers."""
    return await talk.ask("/last")


@pytest.mark.parametrize("body", COMMANDS)
async def test_a_command_of_a_plugin_is_answered_once(
    start_bot: StartBot, person: Any, moved: Any, body: str
) -> None:
    bot = await start_bot(plugins=[moved(body)])
    if body is LATE:
        await until(lambda: bot.client._event_builders[1][1].__qualname__.endswith("command"))
    anna = Talk(await person("Anna"))
    for word in ("start", "privacy", "order"):
        assert await anna.ask(f"/{word}") == f"pizza: {word}"
    assert (await end(anna)).startswith("pizza: last" if body is STOPS else "Hello! I am a bot")


async def test_what_a_conversation_takes_is_answered_by_it_alone(
    start_bot: StartBot, person: Any, moved: Any
) -> None:
    await start_bot(plugins=[moved(CONVERSATION)])
    anna = Talk(await person("Anna"))
    for word in ("start", "cheese", "cancel"):
        assert await anna.ask(f"/{word}") == f"pizza: {word}"
    assert (await end(anna)).startswith("Hello! I am a bot")


@pytest.mark.parametrize("body", FALLBACKS)
async def test_what_a_plugin_without_patterns_answers_gets_no_greeting_and_no_help(
    start_bot: StartBot, person: Any, moved: Any, body: str
) -> None:
    await start_bot(plugins=[moved(body)])
    anna = Talk(await person("Anna"))
    for word in ("start", "order", "help", "last"):
        assert (await anna.ask(f"/{word}")).replace("/", "") == f"pizza: {word}"
    boris = Talk(await person("Boris"))
    for text in ("cheese", "more"):
        assert await boris.ask(text) == f"pizza: {text}"
    assert (await end(boris)).startswith("pizza: ")


@pytest.mark.parametrize("body", FALLBACKS)
async def test_switched_off_the_bot_leaves_all_answers_to_the_plugin(
    start_bot: StartBot, person: Any, moved: Any, body: str
) -> None:
    bot = await start_bot(plugins=[moved(body)], handlers=[])
    anna = Talk(await person("Anna"))
    for word in ("start", "privacy", "forget", "language", "help"):
        assert (await anna.ask(f"/{word}")).replace("/", "") == f"pizza: {word}"
    assert (await end(anna)).startswith("pizza: ")
    user = bot.users.get(anna.id)
    assert user is not None
    assert "message" in user.known_by


async def test_an_album_is_the_album_handlers_alone(start_bot: StartBot, person: Any, moved: Any) -> None:
    await start_bot(plugins=[moved(ALBUMS)])
    anna = Talk(await person("Anna"))
    await anna.client.send_file("the_bot", [b"one", b"two"], force_document=True)
    assert await anna.hears() == "pizza: 2"
    assert (await end(anna)).startswith("Hello! I am a bot")


async def test_what_a_plugin_failed_on_is_answered_by_it_alone_after_the_mend(
    start_bot: StartBot, person: Any, moved: Any
) -> None:
    bot = await start_bot(plugins=[moved(BROKEN)])
    anna = Talk(await person("Anna"))
    await anna.say("/start")
    await until(lambda: bot.parked(anna.id) == 1)
    assert (await end(anna)).startswith("Hello! I am a bot")
    (key,) = [entry.key for entry in bot.users.parked.entries()]  # type: ignore[attr-defined] # of a store
    await bot.client.parking.retry([key])
    assert await anna.hears() == "pizza: start"
    assert (await end(anna)).startswith("Hello! I am a bot")


async def test_a_plugin_that_only_looks_on_takes_no_answer_away(
    start_bot: StartBot, person: Any, moved: Any
) -> None:
    log = Talk(await person("Log"))
    await start_bot(plugins=[moved(LOGS % log.id)])
    assert (await log.ask("/start")) == "seen"
    anna = Talk(await person("Anna"))
    assert (await anna.ask("hello")).startswith("Hello! I am a bot")
    assert (await anna.ask("/start")).startswith("Hello, Anna!")
    assert "language" in await anna.ask("/language")
    assert "I store" in await anna.ask("/privacy")
    assert await anna.ask("/other") == "pizza: other"
    assert (await end(anna)).startswith("Hello! I am a bot")


#: A command → the handler that answers it, and how the answer begins.
ANSWERS = {
    "/start": ("start", "Hello, Boss!"),
    "/language": ("language", "Which language"),
    "/privacy": ("privacy", "I store"),
    "/forget": ("privacy", "Should I delete"),
    "/stats": ("admin", "Users: 1"),
    "/link": ("link", "Links to me"),
    "/help": ("help", "Hello! I am a bot"),
}


@pytest.mark.parametrize("off", dict.fromkeys(handler for handler, _ in ANSWERS.values()))
async def test_each_built_in_handler_can_be_switched_off(start_bot: StartBot, person: Any, off: str) -> None:
    boss = Talk(await person("Boss"))
    await start_bot(admins=[boss.id], handlers=[name for name in HANDLERS if name != off])
    for command, (handler, beginning) in ANSWERS.items():
        if handler != off:
            assert (await boss.ask(command)).startswith(beginning)
        elif off != "help":
            said = await boss.ask(command)
            assert said.startswith("Hello! I am a bot")
            assert f"{command} –" not in said
        else:
            await boss.say(command)  # What is heard next answers the next command.
            assert (await boss.ask("/stats")).startswith("Users: 1")


async def test_what_is_known_of_people_does_not_depend_on_the_handlers(
    start_bot: StartBot, person: Any, sandbox: Sandbox, account: Account
) -> None:
    bot: Bot = await start_bot(handlers=[])
    anna = await person("Anna")
    talk = Talk(anna)
    await talk.say("/start promo")
    world = sandbox.world
    club = world.new_channel("Club", megagroup=True, creator=talk.id)
    rights = types.ChatAdminRights(invite_users=True)
    world.groups.promote(club, world.accounts[account.id], rights, by=talk.id)
    boris = Talk(await person("Boris"))
    invite = world.groups.invite(club, talk.id, request_needed=True)
    with pytest.raises(Exception, match="INVITE_REQUEST_SENT"):
        world.groups.follow(world.accounts[boris.id], club, invite)
    await until(lambda: (user := bot.users.get(boris.id)) is not None and bool(user.join_requests))
    world.groups.decide(club, world.accounts[boris.id], approved=True)
    await until(lambda: not bot.users.get(boris.id).join_requests)  # type: ignore[union-attr] # known by now
    user = bot.users.get(talk.id)
    assert user is not None
    assert user.first_payload == "promo"


# ---- the way of docs/operations.md -----------------------------------------------------------------


async def test_a_bot_is_moved_as_the_page_for_operators_says(
    configure: Configure, sandbox: Sandbox, account: Account, person: Any, moved: Any, tmp_path: Path
) -> None:
    profile = sandbox.world.accounts[account.id].profile
    assert profile is not None
    profile.descriptions[""] = "The best pizza"
    plain: Any = TelegramClient(SQLiteSession(str(tmp_path / "old")), 1, "hash")
    plain.session.set_dc(sandbox.dc_id, sandbox.host, sandbox.port)

    @plain.on(events.NewMessage(pattern=r"^/start( .+)?$"))  # type: ignore[untyped-decorator] # Telethon is untyped
    async def start(event: Any) -> None:
        await event.respond("pizza: start")

    anna, boris = Talk(await person("Anna")), Talk(await person("Boris"))
    await plain.start(bot_token=account.token)
    assert await anna.ask("/start") == "pizza: start"
    await plain.disconnect()
    await boris.say("/order")

    plugin = moved(DECORATED)
    configure(plugins=[plugin])
    old, sessions = tmp_path / "old.session", tmp_path / "sessions"
    sessions.mkdir()
    shutil.copy(old, sessions / "bot.session")
    command = (
        sys.executable,
        "-m",
        "tgbot.cli",
        "--config",
        str(tmp_path / "config.toml"),
        "users",
        "import",
        str(old),
    )
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    async with open_bot(configure(plugins=[plugin]), serve=True) as bot:
        assert await boris.hears() == "pizza: order"
        known = bot.users.get(anna.id)
        assert known is not None
        assert "import" in known.known_by
        await bot.sender.send(anna.id, "We have moved")
        assert await anna.hears() == "We have moved"
        assert await anna.ask("/start") == "pizza: start"
        assert (await end(anna)).startswith("Hello! I am a bot")
    assert profile.descriptions == {"": "The best pizza"}
