"""Albums: one event for all of their messages, live, out of a difference, after a kill and at a stop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telethon import events
from telethon.tl import types

from tests.telegram.conftest import Stage, settled, until
from tests.telegram.updates.lot import Lot
from tgbot.telegram import BotClient
from tgbot.telegram.compat import albums
from tgbot.telegram.compat.albums import Albums
from tgbot.telegram.updates.job import Job
from tgbot.telegram.updates.keys import stable_key


class Collector:
    """Answer albums with their captions; note every message and album in the order of the handlers."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        #: Handlers of albums wait for it.
        self.gate = asyncio.Event()
        self.gate.set()
        self.greeted = False

    def register(self, client: BotClient) -> None:
        @client.on(events.Album)  # type: ignore[untyped-decorator] # Telethon is untyped
        async def album(event: Any) -> None:
            captions = " ".join(message.raw_text for message in event.messages)
            self.happened.append(f"album {captions}")
            await self.gate.wait()
            await event.respond(f"album of {len(event)}: {captions}")

        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def message(event: Any) -> None:
            self.happened.append(event.raw_text)
            if self.greeted:
                await event.respond(f"got {event.raw_text}")


@pytest.fixture
def collector() -> Collector:
    return Collector()


def send_album(stage: Stage, person: int, *captions: str, group: int = 7) -> list[int]:
    return [stage.write(person, caption, grouped_id=group) for caption in captions]


async def finished(client: BotClient) -> None:
    await until(lambda: not client._batches.waiting)


async def test_an_album_is_one_event_and_each_of_its_messages_another_at_once(
    stage: Stage, collector: Collector
) -> None:
    client = await stage.open(collector.register)
    ann = stage.meet()
    numbers = send_album(stage, ann, "a", "b", "c")
    await until(lambda: stage.heard(ann) == ["album of 3: a b c"])
    await finished(client)
    assert collector.happened == ["a", "b", "c", "album a b c"]
    assert stage.last[ann] == numbers[-1]
    assert client.handler_errors == 0


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
async def test_albums_of_groups_and_channels(stage: Stage, collector: Collector, kind: str) -> None:
    ann, groups = stage.meet(), stage.world.groups
    if kind == "group":
        chat = groups.new_group("Photos", ann)
    else:
        chat = groups.new_channel("Photos", creator=ann, megagroup=kind == "supergroup")
    rights = types.ChatAdminRights(post_messages=True, other=True)
    groups.promote(chat, stage.world.accounts[stage.account.id], rights, by=ann)
    await stage.open(collector.register)
    for caption in ("a", "b"):
        stage.world.send_as(ann, chat.marked, caption, grouped_id=7)
    await until(lambda: "album a b" in collector.happened)
    await until(lambda: "album of 2: a b" in [copy.post.text for copy in boxes(stage, chat)])


def boxes(stage: Stage, chat: Any) -> list[Any]:
    """Return what the bot sees of a chat."""
    box = chat.box if chat.channel else stage.world.accounts[stage.account.id].box
    return [copy for copy in map(box.get, range(1, 50)) if copy is not None]


async def test_later_messages_of_the_dialog_wait_for_the_album_and_other_dialogs_do_not(
    stage: Stage, collector: Collector
) -> None:
    await stage.open(collector.register)
    collector.gate.clear()
    ann, ben = stage.meet(), stage.meet("Ben")
    send_album(stage, ann, "a", "b")
    stage.write(ann, "later")
    stage.write(ben, "other")
    await until(lambda: "album a b" in collector.happened)
    assert "other" in collector.happened
    assert "later" not in collector.happened
    collector.gate.set()
    await until(lambda: "later" in collector.happened)
    assert collector.happened.index("later") > collector.happened.index("album a b")


async def test_two_albums_between_each_other_are_two_events(stage: Stage, collector: Collector) -> None:
    client = await stage.open(collector.register)
    ann = stage.meet()
    send_album(stage, ann, "a", group=7)
    send_album(stage, ann, "x", group=8)
    send_album(stage, ann, "b", group=7)
    send_album(stage, ann, "y", group=8)
    await until(lambda: stage.heard(ann) == ["album of 2: a b", "album of 2: x y"])
    await finished(client)
    assert [word for word in collector.happened if not word.startswith("album")] == ["a", "x", "b", "y"]


async def test_one_message_alone_is_no_album_as_with_telethon(stage: Stage, collector: Collector) -> None:
    client = await stage.open(collector.register)
    ann = stage.meet()
    number = stage.write(ann, "alone", grouped_id=7)
    await until(lambda: stage.finished == [(ann, number)])
    await finished(client)
    assert collector.happened == ["alone"]


async def test_a_reply_to_a_message_and_one_to_its_album_are_two(stage: Stage, collector: Collector) -> None:
    collector.greeted = True
    await stage.open(collector.register)
    ann = stage.meet()
    send_album(stage, ann, "a", "b")
    await until(lambda: stage.heard(ann) == ["got a", "got b", "album of 2: a b"])


async def test_a_stop_right_after_an_album_answers_it_first(stage: Stage, collector: Collector) -> None:
    client = await stage.open(collector.register)
    ann = stage.meet()
    send_album(stage, ann, "a", "b")
    await until(lambda: "b" in collector.happened)
    assert await stage.close(client)
    assert stage.heard(ann) == ["album of 2: a b"]


async def test_after_a_kill_the_album_is_the_same_and_what_was_said_is_not_said_again(
    stage: Stage, collector: Collector
) -> None:
    collector.greeted = True
    client = await stage.open(collector.register)
    ann = stage.meet()
    collector.gate.clear()
    send_album(stage, ann, "a", "b", "c")
    await until(lambda: "album a b c" in collector.happened)
    await client.checkpoint()
    await stage.kill(client)
    assert stage.last.get(ann, 0) == 0  # none of its messages counts as finished
    for _ in range(2):  # the second kill comes right after the reply
        collector.gate.set()
        client = await stage.open(collector.register)
        await until(lambda: "album of 3: a b c" in stage.heard(ann))
        await stage.kill(client)
        stage.last.clear()
    client = await stage.open(collector.register)
    await finished(client)
    assert sorted(stage.heard(ann)) == ["album of 3: a b c", "got a", "got b", "got c"]


async def test_an_album_of_a_downtime_is_whole_also_where_slices_cut_it(
    stage: Stage, collector: Collector
) -> None:
    await stage.close(await stage.open(collector.register))
    ann = stage.meet()
    stage.faults.slice_differences(2)
    send_album(stage, ann, "a", "b", "c", "d", "e")
    client = await stage.open(collector.register)
    await until(lambda: stage.heard(ann) == ["album of 5: a b c d e"])
    await finished(client)
    assert settled(client.intake)


async def test_an_album_that_comes_slowly_is_one_event(
    stage: Stage, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(albums, "ALBUM_SECONDS", 3600.0)
    client = await stage.open(collector.register)
    ann = stage.meet()
    for caption in ("a", "b"):
        send_album(stage, ann, caption)
        await until(lambda: caption in collector.happened)  # noqa: B023 - awaited in the same round
    (album,) = client._album_line._open.values()
    assert [job.update.message.message for job in album.members] == ["a", "b"]


async def test_a_handler_that_raises_holds_nothing_up(stage: Stage) -> None:
    def failing(client: BotClient) -> None:
        @client.on(events.Album)  # type: ignore[untyped-decorator] # Telethon is untyped
        async def album(event: Any) -> None:
            raise LookupError

        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def message(event: Any) -> None:
            await event.respond(event.raw_text)

    client = await stage.open(failing)
    ann = stage.meet()
    send_album(stage, ann, "a", "b")
    number = stage.write(ann, "c")
    await until(lambda: stage.last.get(ann) == number)
    await finished(client)
    assert stage.heard(ann) == ["a", "b", "c"]
    assert client.handler_errors == 1


async def test_without_a_handler_of_albums_none_is_waited_for(stage: Stage) -> None:
    def plain(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def message(event: Any) -> None:
            await event.respond(event.raw_text)

    client = await stage.open(plain)
    ann = stage.meet()
    send_album(stage, ann, "a", "b")
    await until(lambda: stage.heard(ann) == ["a", "b"])
    assert not client._album_line._lines


async def test_an_album_whose_handler_raised_is_parked_and_handled_at_a_retry(stage: Stage) -> None:
    lot, broken = Lot(), [True]

    def failing(client: BotClient) -> None:
        @client.on(events.Album)  # type: ignore[untyped-decorator] # Telethon is untyped
        async def album(event: Any) -> None:
            await event.respond("first")
            if broken:
                raise LookupError
            await event.respond(f"album of {len(event)}")

    client = await stage.open(failing, parked=lot)
    ann = stage.meet()
    send_album(stage, ann, "a", "b")
    await until(lambda: lot.kept and not client._batches.waiting)
    (entry,) = lot.kept.values()
    broken.clear()
    assert await client.parking.retry([entry.key]) == [entry.key]
    await until(lambda: not lot.kept)
    assert stage.heard(ann) == ["first", "album of 2"]


async def test_a_conversation_about_a_message_of_an_album_ends_that_message_however_it_ends(
    stage: Stage, collector: Collector
) -> None:
    lot = Lot()
    collector.gate.clear()

    def register(client: BotClient) -> None:
        collector.register(client)

        @client.on(events.NewMessage(pattern="a"))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def ask(event: Any) -> None:
            async with client.conversation(event.chat_id, timeout=0.05) as conversation:
                await conversation.send_message("name?")
                await conversation.get_response()

    client = await stage.open(register, parked=lot)
    ann = stage.meet()
    send_album(stage, ann, "a", "b")
    await until(lambda: client.handler_errors == 1)  # nobody answered in time
    collector.gate.set()
    await finished(client)
    assert stage.heard(ann) == ["name?", "album of 2: a b"]
    assert not lot.kept


def looks(event: Any) -> dict[str, Any]:
    """Return what a handler can read off the event of an album."""
    return {
        "texts": [message.raw_text for message in event],
        "ids": [message.id for message in event.messages],
        "text": event.text,
        "raw_text": event.raw_text,
        "grouped_id": event.grouped_id,
        "chat": (event.chat_id, event.is_private, event.is_group, event.is_channel),
        "chat_name": getattr(event.chat, "first_name", None),
        "sender": (event.sender_id, getattr(event.sender, "first_name", None)),
        "input": (type(event.input_chat), type(event.input_sender)),
        "is_reply": event.is_reply,
        "update": type(event.original_update),
        "messages": [(message.chat_id, message.sender_id, message.grouped_id) for message in event],
        "senders": [getattr(message.sender, "first_name", None) for message in event],
    }


async def test_the_event_looks_as_with_plain_telethon(stage: Stage, clients: Any) -> None:
    seen: list[dict[str, Any]] = []
    plain_bot, plain = stage.sandbox.new_bot("plain_bot"), await clients()

    async def note(event: Any) -> None:
        seen.append(looks(event))

    await plain.sign_in(bot_token=plain_bot.token)
    await stage.open(lambda client: client.add_event_handler(note, events.Album(func=lambda one: one.text)))
    plain.add_event_handler(note, events.Album(func=lambda one: one.text))
    ann = stage.meet()
    for bot in (stage.account.id, plain_bot.id):
        for caption in ("", "a **b**", "c"):
            stage.world.send_as(ann, bot, caption, grouped_id=7)
        await until(lambda: len(seen) == (1 if bot == stage.account.id else 2))  # noqa: B023 - awaited in this round
    ours, theirs = seen
    assert ours.pop("ids") == theirs.pop("ids")
    assert ours == theirs


def job_of(number: int, dialog: int, group: int | None) -> Job:
    message = types.Message(number, types.PeerUser(dialog), message="", date=None, grouped_id=group)
    update = types.UpdateNewMessage(message, number, 1)
    return Job(update, {}, None, dialog, stable_key(update), number, False)


@given(
    st.lists(
        st.tuples(st.integers(1, 2), st.sampled_from([None, 7, 8]), st.booleans()), min_size=1, max_size=20
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_comes_every_job_is_put_once_in_order_and_finished_once(
    monkeypatch: pytest.MonkeyPatch, arriving: list[tuple[int, int | None, bool]]
) -> None:
    monkeypatch.setattr(albums, "ALBUM_SECONDS", 0.0)
    put: list[Job] = []
    ended: list[Job] = []

    def finish(job: Job) -> None:
        job.unfinished -= 1
        if not job.unfinished:
            ended.append(job)
            for message in line.ended(job):
                finish(message)

    def handled(job: Job) -> None:
        put.append(job)
        finish(job)

    line = Albums(handled, wanted=lambda: True, catching_up=lambda: False)
    line.finish = finish
    jobs = [job_of(number, dialog, group) for number, (dialog, group, _) in enumerate(arriving, 1)]
    for job, (_, _, pause) in zip(jobs, arriving, strict=True):
        line.put(job)
        if pause:
            await asyncio.sleep(0.001)
    await line.settle()
    made = [job for job in put if job.album]
    assert not line._lines
    assert not line._members
    for dialog in (1, 2):
        messages = [job for job in put if job.dialog == dialog and not job.album]
        assert messages == [job for job in jobs if job.dialog == dialog]
    gathered = [update for album in made for update in album.album]
    assert len({id(update) for update in gathered}) == len(gathered)
    for album in made:
        assert len({update.message.grouped_id for update in album.album}) == 1
        assert len(album.album) > 1
        assert put.index(album) > put.index(next(job for job in jobs if job.update is album.album[0]))
    assert sorted(map(id, ended)) == sorted(map(id, [*jobs, *made]))
