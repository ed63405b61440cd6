"""Broadcasts of the whole bot, with its files: a stop and a kill in the middle, and a later end."""

from __future__ import annotations

from typing import Any

from telethon import events

from tests.sandbox.conftest import Person
from tests.scenarios.conftest import Configure
from tests.telegram.conftest import until
from tgbot.app import Bot, open_bot
from tgbot.core.broadcasts import Audience, State
from tgbot.messaging.broadcast.drafts import text_content
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

PEOPLE = 60


def heard(sandbox: Sandbox, account: Account, person: int) -> list[str]:
    """Return the news that a person got from the bot."""
    box = sandbox.world.accounts[person].box
    copies = [box.get(number) for number in box.dialogs[account.id].ids]
    return [one.post.text for one in copies if one is not None and not one.out and "news" in one.post.text]


async def meet(sandbox: Sandbox, account: Account, bot: Bot) -> list[int]:
    people = [sandbox.world.new_user("Ann").id for _ in range(PEOPLE)]
    for person in people:
        sandbox.world.send_as(person, account.id, "hello")
    await until(lambda: all(bot.users.get(person) for person in people))
    return people


def status(bot: Bot, number: int) -> dict[str, Any]:
    return bot.broadcasts.status(number)


async def begun(bot: Bot, **options: Any) -> int:
    draft = await bot.broadcasts.create({"": text_content("the news")}, **options)
    return (await bot.broadcasts.start(draft.id)).id


async def test_a_broadcast_goes_on_after_a_stop_and_reaches_everybody_once(
    sandbox: Sandbox, account: Account, configure: Configure
) -> None:
    config = configure(pace=1000.0)
    async with open_bot(config, serve=True) as bot:
        people = await meet(sandbox, account, bot)
        number = await begun(bot, rate=100.0)
        await until(lambda: status(bot, number)["sent"])
    sent = sum(len(heard(sandbox, account, person)) for person in people)
    assert sent < PEOPLE
    async with open_bot(config, serve=True) as bot:
        # What was under way at the stop is known, too.
        assert status(bot, number)["sent"] >= sent
        await until(lambda: bot.broadcasts.get(number).state is State.DONE)
        assert status(bot, number)["sent"] == PEOPLE
    assert [heard(sandbox, account, person) for person in people] == [["the news"]] * PEOPLE


async def test_a_broadcast_that_is_done_is_remembered(
    sandbox: Sandbox, account: Account, configure: Configure
) -> None:
    config = configure(pace=1000.0)
    async with open_bot(config, serve=True) as bot:
        people = await meet(sandbox, account, bot)
        number = await begun(bot, audience=Audience(ids=tuple(people[:7])), name="Sale")
        await until(lambda: bot.broadcasts.get(number).state is State.DONE)
        known = status(bot, number)
    async with open_bot(config, serve=True) as bot:
        assert status(bot, number) == known
        assert (known["name"], known["audience"], known["sent"]) == ("Sale", 7, 7)
        later = await begun(bot)
        await until(lambda: bot.broadcasts.get(later).state is State.DONE)
    assert [len(heard(sandbox, account, person)) for person in people] == [2] * 7 + [1] * (PEOPLE - 7)


async def test_answers_come_before_a_broadcast(
    sandbox: Sandbox, account: Account, configure: Configure
) -> None:
    async with open_bot(configure(pace=5.0), serve=True) as bot:
        people = await meet(sandbox, account, bot)
        number = await begun(bot)
        await until(lambda: status(bot, number)["sent"])
        answer = sandbox.world.send_as(people[-1], account.id, "/start")
        box = sandbox.world.accounts[people[-1]].box
        await until(lambda: box.dialogs[account.id].ids[-1] > answer.id)
        # The broadcast needs another ten seconds, and the answer did not queue up behind it.
        assert status(bot, number)["waiting"] > PEOPLE / 2
        await bot.broadcasts.cancel(number)


async def test_people_see_what_they_got_change_and_vanish(
    sandbox: Sandbox, account: Account, configure: Configure, person: Person
) -> None:
    ann = await person("Ann")
    seen: list[tuple[str, Any]] = []

    @ann.on(events.MessageEdited())  # type: ignore[untyped-decorator] # Telethon is untyped
    async def edited(event: Any) -> None:
        seen.append(("edited", event.raw_text))

    @ann.on(events.MessageDeleted())  # type: ignore[untyped-decorator] # as above
    async def deleted(event: Any) -> None:
        seen.append(("deleted", len(event.deleted_ids)))

    config = configure(pace=1000.0)
    async with open_bot(config, serve=True) as bot:
        people = await meet(sandbox, account, bot)
        await ann.send_message("the_bot", "hello")
        await until(lambda: bot.users.count().total == PEOPLE + 1)
        number = await begun(bot, rate=200.0)
        await until(lambda: bot.broadcasts.get(number).state is State.DONE)
        await bot.broadcasts.edit(number, {"": text_content("better news")})
        await until(lambda: bot.broadcasts.status(number)["corrected"])
    async with open_bot(config, serve=True) as bot:  # in the middle of the edit
        await until(lambda: bot.broadcasts.get(number).state is State.DONE)
        status = bot.broadcasts.status(number)
        assert (status["corrected"], status["left"]) == (PEOPLE + 1, 0)
        await until(lambda: ("edited", "better news") in seen)
        assert [heard(sandbox, account, one) for one in people] == [["better news"]] * PEOPLE
        await bot.broadcasts.delete(number)
        await until(lambda: bot.broadcasts.get(number).state is State.DONE)
        assert bot.broadcasts.status(number)["removed"] == PEOPLE + 1
    await until(lambda: ("deleted", 1) in seen)
    assert [heard(sandbox, account, one) for one in people] == [[]] * PEOPLE
