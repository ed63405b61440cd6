"""How and when a user became known, in one place; and which users the bot can still request data about."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from telethon.tl import functions

from tests.scenarios.conftest import Configure, StartBot
from tests.scenarios.talk import Talk, until
from tests.scenarios.test_groups import group_with
from tests.scenarios.test_join_requests import club
from tgbot.app import Bot, open_bot
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox


@pytest.fixture
async def boss(person: Any) -> Talk:
    return Talk(await person("Boss"))


@pytest.fixture
async def bot(start_bot: StartBot, boss: Talk) -> Bot:
    return await start_bot(admins=[boss.id], keep="all")


def ways(answer: str) -> dict[str, str]:
    """Return the content of the line `known since:` in an answer: way → date."""
    (line,) = [line for line in answer.split("\n") if line.startswith("known since: ")]
    return dict(
        re.findall(r"(\w[\w’ ]*?) \((\d{4}-\d\d-\d\d \d\d:\d\d UTC)\)(?:;|$)", line.partition(";")[2])
    )


async def test_each_way_of_becoming_known_is_told_with_its_date(
    bot: Bot, boss: Talk, person: Any, sandbox: Sandbox, account: Account
) -> None:
    async def whois(user_id: int, way: str) -> None:
        assert way in ways(await boss.ask(f"/whois {user_id}"))

    wrote = Talk(await person("Wrote"))
    await wrote.ask("/start")
    await whois(wrote.id, "a message")

    named = Talk(await person("Named"))
    await named.client(functions.account.UpdateUsernameRequest("named_one"))
    assert "a search by username" in ways(await boss.ask("/resolve @named_one"))

    asked = Talk(await person("Asked"))
    await (await club(await person("Olga"), "Chess Club")).asked_by(asked.client)
    await asked.hears()
    await whois(asked.id, "a request to join")

    login = Talk(await person("Login"))
    sandbox.world.allow(account.id, login.id, domain="example.com")
    await login.hears()
    await whois(login.id, "a permission to write")

    member = await person("Member")
    await Talk(member, await group_with(member, "the_bot")).ask("/start@the_bot")
    await whois(member._self_id, "a group")


async def test_who_wrote_in_a_downtime_is_known_from_what_was_missed(
    configure: Configure, boss: Talk, person: Any
) -> None:
    late = Talk(await person("Late"))
    async with open_bot(configure(admins=[boss.id]), serve=True):
        await boss.ask("/start")
    await late.say("/start")
    async with open_bot(configure(admins=[boss.id]), serve=True):
        await late.hears()
        assert {"updates that I had missed", "a message"} <= set(ways(await boss.ask(f"/whois {late.id}")))


async def test_a_min_user_is_never_what_a_name_or_an_id_means(
    bot: Bot, boss: Talk, person: Any, sandbox: Sandbox
) -> None:
    mini = Talk(await person("Mini"))
    await mini.client(functions.account.UpdateUsernameRequest("mini_one"))
    sandbox.world.view.shown_min.add(mini.id)
    for what in ("@mini_one", str(mini.id)):
        answer = await boss.ask(f"/resolve {what}")
        assert f"id: {mini.id}" not in answer
    assert bot.client.session.access_hash(mini.id) is None


async def test_who_is_known_by_id_alone_is_tried_without_access_hash(
    bot: Bot, boss: Talk, person: Any
) -> None:
    anna = Talk(await person("Anna"))
    await anna.ask("/start")
    bot.client.session.forget(anna.id)
    answer = await boss.ask(f"/check {anna.id}")
    assert "asked Telegram just now" in answer
    assert "may I write: yes" in answer
    assert bot.client.session.access_hash(anna.id)


async def test_new_names_are_noticed_at_once_and_a_moved_username_leaves_its_old_owner(
    bot: Bot, boss: Talk, person: Any
) -> None:
    anna, bert = Talk(await person("Anna")), Talk(await person("Bert"))
    await anna.client(functions.account.UpdateUsernameRequest("the_name"))
    await anna.ask("/start")
    await bert.ask("/start")

    def names(talk: Talk) -> Callable[[], tuple[str, ...]]:
        return lambda: user.usernames if (user := bot.users.get(talk.id)) else ()

    await until(lambda: names(anna)() == ("the_name",))
    await anna.client(functions.account.UpdateUsernameRequest("another_name"))
    await until(lambda: names(anna)() == ("another_name",))  # By updateUserName, without a message.
    await anna.client(functions.account.UpdateProfileRequest(first_name="Anne"))
    await until(lambda: (user := bot.users.get(anna.id)) is not None and user.first_name == "Anne")
    await bert.client(functions.account.UpdateUsernameRequest("the_name"))
    await bert.ask("/start")
    assert f"id: {bert.id}" in await boss.ask("/resolve @the_name")
    assert "@the_name" not in await boss.ask(f"/resolve {anna.id}")
    user = bot.users.get(anna.id)
    assert user is not None
    assert ("usernames", "the_name") in [(change.field, change.old) for change in user.history]
