"""Plugins in the running bot: those of examples/, which are plain Telethon."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import functions, types

from examples import probe
from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import Talk, until
from tgbot.app import Bot
from tgbot.core.access import Access
from tgbot.core.errors import PluginError
from tgbot.sandbox.server import Sandbox


@pytest.fixture
async def bot(start_bot: StartBot) -> Bot:
    return await start_bot(plugins=["examples.echo", "examples.probe"])


async def test_a_plugin_answers_beside_the_bot(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    assert (await anna.ask("/start")).startswith("Hello, Anna!")
    assert await anna.ask("good *morning*") == "good *morning*"
    assert await anna.ask("/shout hey") == "HEY"
    assert await anna.said_nothing_before()


async def test_a_plugin_is_given_the_payload(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    assert await anna.ask("/start promo-7") == "You came by the link promo-7."
    assert (await anna.ask("/start")).startswith("Welcome back, Anna!")


async def test_a_plugins_command_as_the_first_message_needs_no_help(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    assert await anna.ask("/shout hey") == "HEY"
    assert await anna.said_nothing_before()


def test_the_probe_is_the_handbooks() -> None:
    lines = [line.strip() for line in inspect.getsource(probe).splitlines()]
    at = lines.index("try:")
    assert lines[at : at + 4] == [
        "try:",
        "async with client.action(user, 'typing'):",
        "pass",
        "except UserIsBlockedError:",
    ]


async def test_the_handbooks_probe_passes_for_a_reachable_user_and_raises_for_a_blocked_one(
    bot: Bot, person: Any, sandbox: Sandbox
) -> None:
    anna, boris = Talk(await person("Anna")), Talk(await person("Boris"))
    await anna.ask("/start")
    await boris.ask("/start")
    assert await anna.ask(f"/probe {boris.id}") == "I can write to them."
    assert access(bot, boris) is Access.REACHABLE
    await boris.client(functions.contacts.BlockRequest(boris.chat))
    assert await anna.ask(f"/probe {boris.id}") == "They blocked me."
    await until(lambda: access(bot, boris) is Access.BLOCKED)


async def test_the_probe_is_exactly_one_request(bot: Bot, person: Any) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    typing: list[Any] = []
    send = bot.client._sender.send

    def counted(request: Any, ordered: bool = False) -> Any:
        if isinstance(request, functions.messages.SetTypingRequest):
            typing.append(request.action)
        return send(request, ordered=ordered)

    bot.client._sender.send = counted  # type: ignore[method-assign] # watched for a while
    assert await anna.ask(f"/probe {anna.id}") == "I can write to them."
    assert await anna.said_nothing_before()
    assert [type(action) for action in typing] == [types.SendMessageTypingAction]


async def test_a_plugin_that_raises_stops_nobody(
    start_bot: StartBot, person: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "poison.py").write_text(
        "from telethon import events\n"
        "def register(client, **parts):\n"
        "    @client.on(events.NewMessage(pattern='poison'))\n"
        "    async def poison(event):\n"
        "        raise RuntimeError('poison')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    bot = await start_bot(plugins=["poison"])
    anna = Talk(await person("Anna"))
    await anna.say("poison")  # It is the plugin's to answer, after the mend.
    assert (await anna.ask("/start")).startswith("Hello, Anna!")
    assert bot.client.handler_errors == 1


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("no_such_module", None, "No module named"),
        ("no_register", "", "no function register"),
        ("breaks", "1/0", "ZeroDivisionError"),
        ("refuses", "def register(client): raise ValueError('no')", "ValueError: no"),
    ],
)
async def test_a_plugin_that_cannot_be_used_is_named_with_the_reason(
    start_bot: StartBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    source: str | None,
    reason: str,
) -> None:
    if source is not None:
        (tmp_path / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=rf"{module}.*{reason}"):
        await start_bot(plugins=[module])


def access(bot: Bot, talk: Talk) -> Access:
    user = bot.users.get(talk.id)
    return user.verdict(bot.client.server_time()).access if user else Access.UNKNOWN


async def test_who_is_too_fast_is_not_answered_by_plugins_either(start_bot: StartBot, person: Any) -> None:
    bot = await start_bot(plugins=["examples.echo"], per_user="2/day")
    anna = Talk(await person("Anna"))
    assert await anna.ask("/shout hey") == "HEY"
    assert (await anna.ask("/start")).startswith("Hello, Anna!")
    assert (await anna.ask("/shout hey")).startswith("Too many messages at once. I will answer again in ")
    last = await anna.say("/start promo-7")
    await until(lambda: bot.users.last_finished(anna.id) >= 7)
    assert (user := bot.users.get(anna.id)) is not None
    assert user.last_payload == "promo-7"
    heard = await anna.client.get_messages(anna.chat, limit=1)
    assert heard[0].id == last.id
