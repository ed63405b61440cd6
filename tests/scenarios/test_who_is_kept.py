"""Whom the bot keeps: who came to it, and with `[bot] keep = "all"` everybody it has seen."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from telethon import events
from telethon.tl import functions, types

from tests.scenarios.conftest import Configure
from tests.scenarios.talk import Talk, until
from tests.scenarios.test_groups import group_with
from tests.scenarios.test_privacy import everything_in, forgets
from tgbot.app import Bot, open_bot
from tgbot.config.settings import Storage
from tgbot.core.access import Access
from tgbot.core.talks import KeptTalk
from tgbot.core.users import UserRegistry, Way
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox
from tgbot.store.sqlite.userfile import SqliteRegistry
from tgbot.store.transfer.forms import UserFile
from tgbot.store.transfer.imports import Summary, into_place, take_in


@pytest.fixture(autouse=True)
def bot_sees_all(sandbox: Sandbox, account: Account) -> None:
    profile = sandbox.world.accounts[account.id].profile
    assert profile is not None
    profile.sees_all = True


class Watcher:
    """A plugin that answers in groups by the id of the author, and counts what it saw."""

    def __init__(self) -> None:
        self.client: Any = None
        self.updates: list[Any] = []
        self.fails = False

    def register(self, client: Any) -> None:
        self.client = client

        async def seen(update: Any) -> None:
            self.updates.append(update)

        async def by_id(event: Any) -> None:
            if self.fails:
                raise LookupError
            if not event.is_private and event.sender_id:
                author = await client.get_input_entity(event.sender_id)
                await client.send_message(event.chat_id, f"{event.raw_text}, {author.user_id}")

        client.add_event_handler(seen, events.Raw())
        client.add_event_handler(by_id, events.NewMessage(incoming=True, pattern="hello"))

    async def saw(self, *kinds: type) -> None:
        await until(lambda: any(isinstance(update, kinds) for update in self.updates))


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> Watcher:
    made = Watcher()
    plugin = ModuleType("watcher")
    plugin.register = made.register  # type: ignore[attr-defined] # a module made for this test
    monkeypatch.setitem(sys.modules, "watcher", plugin)
    return made


@asynccontextmanager
async def bot_with_plugin(configure: Configure, **settings: Any) -> AsyncIterator[Bot]:
    async with open_bot(configure(plugins=["watcher"], **settings), serve=True) as bot:
        yield bot


def on_disk(directory: Path, user_id: int, name: str) -> list[str]:
    """Return the files that hold the person's id or name; the bot must have stopped."""
    files = [directory / "sessions" / file for file in ("bot.session", "users.sqlite")]
    return [file.name for file in files if str(user_id) in (text := everything_in(file)) or name in text]


async def test_who_was_forgotten_is_not_brought_back_by_a_message_in_a_group(
    configure: Configure, person: Any, watcher: Watcher, tmp_path: Path
) -> None:
    client = await person("Anastasia", lang_code="ru", system_lang_code="ru")
    await client(functions.account.UpdateUsernameRequest("anastasia_s"))
    anna, group = Talk(client), await group_with(client, "the_bot")
    async with bot_with_plugin(configure) as bot:
        await anna.ask("/start")
        assert (await forgets(anna, "Удалить")).startswith("Всё удалено")
        for _ in range(2):
            assert await in_group(anna, group) == f"hello, {anna.id}"
        assert bot.users.get(anna.id) is None
        assert await bot.client.get_input_entity("anastasia_s") == types.InputPeerUser(
            anna.id, bot.client.session.access_hash(anna.id)
        )
        assert bot.client.session.resolves_today() == 0  # the name was known
    with SqliteRegistryOf(tmp_path) as users:
        assert users.get(anna.id) is None
    texts = everything_in(tmp_path / "sessions" / "bot.session")
    assert "nastasia" not in texts
    assert str(anna.id) not in texts
    async with bot_with_plugin(configure) as bot:
        assert bot.client.session.access_hash(anna.id) is None
        await anna.ask("/start")
        user = bot.users.get(anna.id)
        assert user is not None
        assert (user.first_name, user.language, user.usernames) == ("Anastasia", "ru", ("anastasia_s",))
    assert "anastasia_s" in everything_in(tmp_path / "sessions" / "bot.session")


async def test_data_of_a_group_member_is_kept_and_makes_nobody_known(
    configure: Configure, person: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register(client: Any, users: UserRegistry) -> None:
        async def count(event: Any) -> None:
            user_id = event.sender_id
            said = users.data(user_id, "counter").get("said", 0) + 1
            users.keep_data(user_id, "counter", {"said": said})
            users.keep_talk(user_id, event.chat_id, KeptTalk("greeting", f"m{event.id}", 1, text="hello"))
            await event.respond(f"{said} times")

        client.add_event_handler(count, events.NewMessage(incoming=True, pattern="hello"))

    plugin = ModuleType("counter")
    plugin.register = register  # type: ignore[attr-defined] # a module made for this test
    monkeypatch.setitem(sys.modules, "counter", plugin)
    client = await person("Anna")
    anna, group = Talk(client), await group_with(client, "the_bot")
    for number in (1, 2):
        async with open_bot(configure(plugins=["counter"]), serve=True) as bot:
            assert await in_group(anna, group) == f"{number} times"
            assert bot.users.get(anna.id) is None
            assert list(bot.users.iterate()) == []
            assert bot.users.count().total == 0
    async with open_bot(configure(), serve=True) as bot:
        assert [user.id for user in bot.users.iterate()] == []
        await bot.forget(anna.id)
        assert bot.users.data(anna.id, "counter") == {}


async def in_group(talk: Talk, group: Any) -> str:
    """Let a person say hello in a group, and return the bot's answer there."""
    await talk.client.send_message(group, "hello")
    return await talk.hears()


class SqliteRegistryOf:
    """The registry of a bot that has stopped."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "sessions" / "users.sqlite"

    def __enter__(self) -> SqliteRegistry:
        self._users = SqliteRegistry(self._path, clock=lambda: 1_000)
        return self._users

    def __exit__(self, *_: object) -> None:
        self._users.close()


async def arrives(way: str, world: Any, bot_id: int, olga: Any, member: int) -> tuple[type, ...]:
    """Let Telegram name `member` to the bot, who has nothing to do with it; return the updates it sends."""
    date, peer = world.date(), types.PeerUser(member)

    def push(update: Any) -> tuple[type, ...]:
        world.push_update(bot_id, update)
        return (type(update),)

    if way == "forward":
        header = types.MessageFwdHeader(date=date, from_id=peer)
        world.send_as(olga._self_id, bot_id, "look", fwd_from=header)
    elif way == "mention":
        mention = types.MessageEntityMentionName(0, 4, member)
        world.send_as(olga._self_id, bot_id, "look", entities=[mention])
    elif way == "contact":
        world.send_as(olga._self_id, bot_id, "", media=types.MessageMediaContact("1", "a", "b", "", member))
    elif way == "inline query":
        return push(types.UpdateBotInlineQuery(1, member, "cats", ""))
    elif way == "business message":
        said = types.Message(id=1, peer_id=peer, message="hi", date=date, from_id=peer)
        return push(types.UpdateBotNewBusinessMessage("connection", said, 0))
    elif way == "business connection":
        connection = types.BotBusinessConnection("connection", member, 2, date)
        return push(types.UpdateBotBusinessConnect(connection, 0))
    elif way == "a reaction in a group":
        return push(types.UpdateBotMessageReaction(types.PeerChat(5), 1, date, peer, [], [], 0))
    elif way == "a new member":
        group = world.new_group("Chess", olga._self_id, bot_id)
        world.groups.add(group, world.accounts[member], by=olga._self_id)
    return (types.UpdateNewMessage,)


@pytest.mark.parametrize(
    "way",
    [
        "forward",
        "mention",
        "contact",
        "inline query",
        "business message",
        "business connection",
        "a reaction in a group",
        "a new member",
    ],
)
@pytest.mark.parametrize("keep", ["private", "all"])
async def test_whom_telegram_only_names_is_kept_with_all_and_not_with_private(
    configure: Configure,
    person: Any,
    watcher: Watcher,
    sandbox: Sandbox,
    account: Account,
    tmp_path: Path,
    way: str,
    keep: str,
) -> None:
    olga, zenobia = await person("Olga"), sandbox.world.new_user("Zenobia")
    async with bot_with_plugin(configure, keep=keep) as bot:
        kinds = await arrives(way, sandbox.world, account.id, olga, zenobia.id)
        await watcher.saw(*kinds)
        access_hash = bot.client.session.access_hash(zenobia.id)
        assert access_hash
        assert await bot.client.get_input_entity(zenobia.id) == types.InputPeerUser(zenobia.id, access_hash)
        assert (bot.users.get(zenobia.id) is not None) is (keep == "all")
    kept = on_disk(tmp_path, zenobia.id, "Zenobia")
    assert kept == (["bot.session", "users.sqlite"] if keep == "all" else [])


@pytest.mark.parametrize("how", ["get_entity", "get_chat", "participant"])
async def test_whom_a_plugin_asks_telegram_about_is_not_kept(
    configure: Configure, person: Any, watcher: Watcher, tmp_path: Path, how: str
) -> None:
    client = await person("Zenobia")
    group = Talk(client, await group_with(client, "the_bot"))
    async with bot_with_plugin(configure) as bot:
        await group.ask("hello")
        plugin = watcher.client
        if how == "get_entity":
            assert (await plugin.get_entity(client._self_id)).first_name == "Zenobia"
        elif how == "get_chat":
            found = await plugin(functions.messages.GetFullChatRequest(group.chat.chat_id))
            assert "Zenobia" in [user.first_name for user in found.users]
        else:
            assert "Zenobia" in [one.first_name async for one in plugin.iter_participants(group.chat)]
        assert bot.users.get(client._self_id) is None
    assert on_disk(tmp_path, client._self_id, "Zenobia") == []


@pytest.mark.parametrize("by", ["id", "name"])
async def test_whom_an_admin_looks_up_is_kept(
    configure: Configure, person: Any, watcher: Watcher, tmp_path: Path, by: str
) -> None:
    boss, client = Talk(await person("Boss")), await person("Zenobia")
    await client(functions.account.UpdateUsernameRequest("zenobia"))
    group = Talk(client, await group_with(client, "the_bot"))
    async with bot_with_plugin(configure, admins=[boss.id]) as bot:
        await group.ask("hello")
        assert bot.users.get(client._self_id) is None
        answer = await boss.ask(f"/resolve {client._self_id if by == 'id' else '@zenobia'}")
        assert "Zenobia" in answer
        user = bot.users.get(client._self_id)
        assert user is not None
        assert list(user.known_by) == ([Way.ID] if by == "id" else [Way.USERNAME])
    assert on_disk(tmp_path, client._self_id, "Zenobia") == ["bot.session", "users.sqlite"]


async def test_a_probe_of_a_stranger_tells_telegrams_answer_and_keeps_nothing(
    configure: Configure, person: Any, watcher: Watcher
) -> None:
    client = await person("Zenobia")
    talk, group = Talk(client), await group_with(client, "the_bot")
    async with bot_with_plugin(configure) as bot:
        await in_group(talk, group)
        assert (await bot.sender.probe(talk.id)).access is Access.NOT_ALLOWED
        assert bot.users.get(talk.id) is None
        await talk.ask("/start")
        await bot.forget(talk.id)
        await in_group(talk, group)
        assert (await bot.sender.probe(talk.id)).access is Access.REACHABLE
        assert bot.users.get(talk.id) is None
        assert (await bot.sender.can_write(talk.id)).access is Access.UNKNOWN


async def test_a_strangers_parked_message_is_answered_by_id_after_a_restart(
    configure: Configure, person: Any, watcher: Watcher
) -> None:
    client = await person("Zenobia")
    talk, group = Talk(client), await group_with(client, "the_bot")
    watcher.fails = True
    async with bot_with_plugin(configure) as bot:
        await client.send_message(group, "hello")
        await until(lambda: bot.parked(talk.id) == 1)
    watcher.fails = False
    async with bot_with_plugin(configure) as bot:
        assert bot.client.session.access_hash(talk.id) is None
        (entry,) = bot.client.parking._parked.entries()
        await bot.client.parking.retry([entry.key])
        assert await talk.hears() == f"hello, {talk.id}"
        assert bot.users.get(talk.id) is None


async def test_a_stranger_is_answered_in_a_group_in_the_language_of_their_app(
    configure: Configure, person: Any
) -> None:
    client = await person("Борис", lang_code="ru", system_lang_code="ru")
    group = Talk(client, await group_with(client, "the_bot"))
    async with open_bot(configure(), serve=True) as bot:
        assert "личн" in await group.ask("/start@the_bot")
        assert bot.users.get(group.id) is None


async def test_what_was_kept_before_the_key_was_there_stays_and_is_added_to_when_they_come(
    configure: Configure, person: Any, watcher: Watcher, tmp_path: Path
) -> None:
    client = await person("Zenobia")
    talk, group = Talk(client), await group_with(client, "the_bot")
    async with bot_with_plugin(configure, keep="all") as bot:
        await in_group(talk, group)
        assert bot.users.get(talk.id) is not None
    await client(functions.account.UpdateProfileRequest(first_name="Zoe"))
    async with bot_with_plugin(configure) as bot:
        await in_group(talk, group)
        user = bot.users.get(talk.id)
        assert user is not None
        assert user.first_name == "Zenobia"
    assert "Zoe" not in everything_in(tmp_path / "sessions" / "bot.session")
    assert on_disk(tmp_path, talk.id, "Zenobia") == ["bot.session", "users.sqlite"]
    async with bot_with_plugin(configure) as bot:
        await talk.ask("/start")
        user = bot.users.get(talk.id)
        assert user is not None
        assert user.first_name == "Zoe"
        assert "message" in user.known_by
    assert "Zoe" in everything_in(tmp_path / "sessions" / "bot.session")


async def test_who_was_imported_is_kept_up_to_date(
    configure: Configure, person: Any, watcher: Watcher, tmp_path: Path
) -> None:
    client = await person("Zenobia")
    group = Talk(client, await group_with(client, "the_bot"))
    async with bot_with_plugin(configure) as bot:
        bot_id = bot.client.me.id
    file = tmp_path / "users.json"
    old = {"id": client._self_id, "first_name": "Zen", "known_by": {"group": 5}, "last_seen": 5}
    file.write_text(json.dumps(old))
    for changes in (1, 0):
        summary, place = Summary(), Storage(directory=tmp_path / "sessions")
        async with into_place(place, bot_id=bot_id, now=900) as destination:
            await take_in(UserFile(file, bot_id, 900), destination, summary=summary)
        assert (summary.new + summary.changed, summary.unchanged) == (changes, 1 - changes)
    async with bot_with_plugin(configure) as bot:
        await group.ask("hello")
        user = bot.users.get(client._self_id)
        assert user is not None
        assert user.first_name == "Zenobia"
        assert user.known_by[Way.IMPORT] == 900
    assert on_disk(tmp_path, client._self_id, "Zenobia") == ["bot.session", "users.sqlite"]
