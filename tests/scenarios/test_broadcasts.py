"""Broadcasts of the whole bot, with its files: a stop and a kill in the middle, and a later end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from telethon import events

from tests.sandbox.conftest import Person
from tests.scenarios.conftest import Configure
from tests.telegram.conftest import until
from tgbot.app import Bot, open_bot
from tgbot.core.broadcasts import Audience, Content, Source, State
from tgbot.messaging.broadcast.drafts import text_content
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

PEOPLE = 60


def heard(sandbox: Sandbox, account: Account, person: int) -> list[str]:
    """Return the news that a person got from the bot."""
    box = sandbox.world.accounts[person].box
    copies = [box.get(number) for number in box.dialogs[account.id].ids]
    texts = [one.post.text for one in copies if one is not None and not one.out]
    return [text for text in texts if text.endswith(" news")]  # not the help, which speaks of /news


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


async def latest(person: Any, number: int = 1) -> list[Any]:
    """Return the latest messages of a person's chat with the bot, the oldest first."""
    return list(reversed(await person.get_messages("the_bot", limit=number)))


async def test_each_reads_it_in_their_language_and_their_click_is_counted(
    sandbox: Sandbox, account: Account, configure: Configure, person: Person
) -> None:
    ann, boris = await person("Ann"), await person("Boris")
    ids = [(await one.get_me()).id for one in (ann, boris)]
    sandbox.world.accounts[ids[1]].language = "ru"
    async with open_bot(configure(pace=1000.0), serve=True) as bot:
        for one in (ann, boris):
            await one.send_message("the_bot", "/start")
        await until(lambda: all(bot.users.last_finished(one) for one in ids))
        contents = {"": text_content("the news"), "ru": text_content("новости")}
        draft = await bot.broadcasts.create(contents, buttons=[("Order", "start:autumn")])
        await bot.broadcasts.start(draft.id)
        await until(lambda: bot.broadcasts.get(draft.id).state is State.DONE)
        (english,), (russian,) = await latest(ann), await latest(boris)
        assert (english.raw_text, russian.raw_text) == ("the news", "новости")
        payload = russian.buttons[0][0].url.partition("?start=")[2]
        await boris.send_message("the_bot", f"/start {payload}")
        await until(lambda: bot.broadcasts.status(draft.id)["clicks"] == [1])
        assert bot.users.get(ids[1]).last_payload == "autumn"  # type: ignore[union-attr] # they wrote


async def test_an_album_that_somebody_sent_reaches_the_others_as_an_album(
    sandbox: Sandbox, account: Account, configure: Configure, person: Person, tmp_path: Path
) -> None:
    boss, ann = await person("Boss"), await person("Ann")
    ids = [(await one.get_me()).id for one in (boss, ann)]
    files = []
    for name in ("one.txt", "two.txt"):
        files.append(tmp_path / name)
        files[-1].write_text(name)
    async with open_bot(configure(pace=1000.0), serve=True) as bot:
        for one in (boss, ann):
            await one.send_message("the_bot", "/start")
        await boss.send_file("the_bot", [str(file) for file in files], caption=["", "both"])
        await until(lambda: bot.users.last_finished(ids[0]) > 2 and bot.users.last_finished(ids[1]))
        source = Source(ids[0], bot.users.last_finished(ids[0]))
        draft = await bot.broadcasts.create({"": Content(source=source)}, audience=Audience(ids=(ids[1],)))
        await bot.broadcasts.start(draft.id)
        await until(lambda: bot.broadcasts.get(draft.id).state is State.DONE)
        first, second = await latest(ann, 2)
    assert (first.grouped_id, first.raw_text, second.raw_text) == (second.grouped_id, "", "both")
    assert first.grouped_id
    assert await ann.download_media(second, bytes) == b"two.txt"
