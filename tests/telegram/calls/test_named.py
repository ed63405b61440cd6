from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import errors, events
from telethon.tl import functions, types

from tests.telegram.calls.conftest import SEND, NoSender, Script, sent
from tests.telegram.conftest import Stage, echo, until
from tgbot.sandbox.faults.damage import Damage
from tgbot.telegram import BotClient
from tgbot.telegram.calls import retries
from tgbot.telegram.calls.call import call_of
from tgbot.telegram.calls.named import NamedSends, derive_random_id, named_sends
from tgbot.telegram.peers import Peers

BOT = 77


class Self(Peers):
    """The account that sends."""

    def __init__(self) -> None:
        self.self_id = BOT


NAMES = st.text("ab._", max_size=4)


@given(
    one=st.tuples(st.integers(1), st.text(max_size=8), NAMES, st.integers(), st.integers(0, 9)),
    other=st.tuples(st.integers(1), st.text(max_size=8), NAMES, st.integers(), st.integers(0, 9)),
)
def test_a_random_id_is_64_bits_not_0_and_the_same_for_the_same_send_only(
    one: tuple[int, str, str, int, int], other: tuple[int, str, str, int, int]
) -> None:
    random_id = derive_random_id(*one)
    assert -(2**63) <= random_id < 2**63
    assert random_id
    assert (derive_random_id(*other) == random_id) == (one == other)


def test_a_random_id_stays_what_it_was_in_every_version() -> None:
    # A bot that was killed may come back as a newer version, and repeat what the older one had sent.
    assert derive_random_id(77, "m5:1", "examples.echo.register.echo", 5, 0) == 7964396592177504742


async def test_a_send_of_an_update_carries_an_id_derived_from_it_whatever_the_run(
    stage: Stage, ann: int
) -> None:
    def twice(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            await event.respond("first")
            await event.respond("second")

    await stage.open(twice)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    test = test_a_send_of_an_update_carries_an_id_derived_from_it_whatever_the_run.__name__
    send = stage.account.id, f"m{ann}:1", f"{__name__}.{test}.twice.answer", ann
    assert sent(stage) == [("first", derive_random_id(*send, 0)), ("second", derive_random_id(*send, 1))]


async def test_an_answer_sent_before_a_kill_is_not_sent_again_and_respond_returns_the_earlier_message(
    stage: Stage, ann: int
) -> None:
    replayed: list[bool] = []
    returned: list[tuple[int, str]] = []

    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            replayed.append(event.replayed)
            message = await event.respond(f"you said {event.raw_text}")
            returned.append((message.id, message.raw_text))

    first = await stage.open(answering)
    stage.write(ann, "one")
    stage.write(ann, "two")
    await until(lambda: len(stage.finished) == 2)
    await stage.kill(first)
    stage.last.clear()  # the registry was not flushed
    number = stage.write(ann, "three")
    await stage.open(answering)
    await until(lambda: stage.last.get(ann) == number)
    assert stage.heard(ann) == ["you said one", "you said two", "you said three"]
    assert replayed == [False, False, True, True, True]
    assert returned[2:4] == returned[:2]


@pytest.mark.parametrize("how", ["file", "album", "forward", "reply"])
async def test_every_kind_of_send_returns_the_earlier_message_when_it_is_repeated(
    stage: Stage, ann: int, how: str
) -> None:
    returned: list[list[int]] = []
    contact = types.InputMediaContact("+1", "A", "B", "")

    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            if how == "file":
                messages = [await client.send_file(event.chat_id, contact)]
            elif how == "album":
                peer = await event.get_input_chat()
                media = [types.InputSingleMedia(contact, text, random_id=1) for text in ("a", "b")]
                request = functions.messages.SendMultiMediaRequest(peer, media)
                result = await client(request)
                ids = [single.random_id for single in request.multi_media]
                messages = client._get_response_message(ids, result, peer)
            elif how == "forward":
                messages = await client.forward_messages(event.chat_id, [event.id, event.id], event.chat_id)
            else:
                messages = [await event.reply("yes")]
            returned.append([message.id for message in messages])

    first = await stage.open(answering)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    heard = len(stage.heard(ann))
    await stage.kill(first)
    stage.last.clear()
    await stage.open(answering)
    await until(lambda: len(returned) == 2)
    assert returned[0] == returned[1]
    assert all(returned[0])
    assert len(stage.heard(ann)) == heard == len(returned[0])


async def test_a_message_deleted_since_it_was_sent_is_not_sent_again_and_returned_with_its_id(
    stage: Stage, ann: int
) -> None:
    returned: list[tuple[int, str]] = []

    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            message = await event.respond("answer")
            returned.append((message.id, message.raw_text))

    first = await stage.open(answering)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    await stage.kill(first)
    stage.last.clear()
    copy = stage.world.accounts[stage.account.id].box.get(returned[0][0])
    assert copy is not None
    stage.world.posts.delete([copy], revoke=True)
    await stage.open(answering)
    await until(lambda: len(returned) == 2)
    assert returned[0] == returned[1]
    assert stage.heard(ann) == []


async def test_a_named_work_that_is_begun_again_sends_what_it_had_not_sent(
    stage: Stage, client: BotClient, ann: int
) -> None:
    with named_sends("login 1"):
        first = await client.send_message(ann, "one")
    with named_sends("login 1"):
        again = await client.send_message(ann, "one")
        await client.send_message(ann, "two")
    with named_sends("login 2"):
        await client.send_message(ann, "one")
    await client.send_message(ann, "three")
    assert again.id == first.id
    assert stage.heard(ann) == ["one", "two", "one", "three"]


async def test_a_send_whose_earlier_copy_is_under_way_is_asked_for_until_the_message_comes(
    stage: Stage, client: BotClient, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "DUPLICATE_PAUSES", (0.001,) * 5)
    stage.faults.fail(SEND, 500, "RANDOM_ID_DUPLICATE", times=3, after=True)
    message = await client.send_message(ann, "hi")
    assert stage.heard(ann) == ["hi"]
    dialog = stage.world.accounts[stage.account.id].box.dialogs[ann]
    assert (message.id, message.raw_text) == (dialog.ids[-1], "hi")


@pytest.mark.parametrize("times", [1, 99])
@pytest.mark.parametrize("damage", list(Damage))
async def test_a_send_whose_answer_cannot_be_read_is_asked_for_again_and_then_counts_as_sent(
    stage: Stage,
    client: BotClient,
    ann: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    damage: Damage,
    times: int,
) -> None:
    monkeypatch.setattr(retries, "UNREADABLE_PAUSES", (0.001, 0.001))
    stage.faults.garble_answers(SEND, damage, times=times)
    before = len(stage.outcomes)
    message = await client.send_message(ann, "planted")
    assert stage.heard(ann) == ["planted"]
    dialog = stage.world.accounts[stage.account.id].box.dialogs[ann]
    assert (message.id, message.raw_text) == ((dialog.ids[-1] if times == 1 else 0), "planted")
    assert stage.sandbox.calls[SEND] == (2 if times == 1 else 3)
    assert stage.outcomes[before:] == []
    assert "planted" not in caplog.text


CONTACT = types.InputMediaContact("+1", "A", "B", "")
PEER = types.InputPeerUser(5, 1)


@pytest.mark.parametrize(
    "request_",
    [
        functions.messages.SendMessageRequest(PEER, "secret", random_id=7),
        functions.messages.SendMessageRequest(types.InputPeerSelf(), "secret", random_id=7),
        functions.messages.SendMediaRequest(PEER, CONTACT, "secret", random_id=7),
        functions.messages.ForwardMessagesRequest(PEER, [1, 2], PEER, random_id=[7, 8]),
        functions.messages.SendMultiMediaRequest(
            PEER, [types.InputSingleMedia(CONTACT, "", random_id=number) for number in (7, 8)]
        ),
    ],
    ids=["text", "to itself", "media", "forward", "album"],
)
async def test_a_message_that_telegram_has_but_never_returns_counts_as_sent(
    client: BotClient, caplog: pytest.LogCaptureFixture, request_: Any
) -> None:
    chain = NamedSends(Script(errors.RandomIdDuplicateError(None)), Self())
    result = await chain.call(call_of(NoSender(), request_, 60))
    ids: Any = getattr(request_, "random_id", None) or [one.random_id for one in request_.multi_media]
    messages = client._get_response_message(ids, result, PEER)
    assert {one.id for one in (messages if isinstance(ids, list) else [messages])} == {0}
    assert "it counts as sent" in caplog.text
    assert "secret" not in caplog.text


async def test_a_send_outside_of_any_update_keeps_the_random_id_it_was_made_with(
    stage: Stage, client: BotClient, ann: int
) -> None:
    peer = await client.get_input_entity(ann)
    await client(functions.messages.SendMessageRequest(peer, "mine", random_id=4711))
    assert sent(stage) == [("mine", 4711)]


async def test_a_task_that_outlives_its_update_sends_with_random_ids(stage: Stage, ann: int) -> None:
    tasks: list[asyncio.Task[Any]] = []
    gate = asyncio.Event()

    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            async def later() -> None:
                await gate.wait()
                await event.respond("later")

            tasks.append(asyncio.create_task(later()))

    await stage.open(answering)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    gate.set()
    await until(lambda: stage.heard(ann) == ["later"])
    await asyncio.gather(*tasks)
    ((_, random_id),) = sent(stage)
    names = "", f"{__name__}.test_a_task_that_outlives_its_update_sends_with_random_ids.answering.answer"
    assert random_id not in [derive_random_id(stage.account.id, f"m{ann}:1", name, ann, 0) for name in names]


async def test_two_edits_within_one_second_get_two_answers_each_once_also_after_a_kill(
    stage: Stage, ann: int
) -> None:
    def answering(client: BotClient) -> None:
        @client.on(events.MessageEdited())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            await event.respond("edited")

    def edit(text: str) -> None:
        copy.post.text = text
        stage.world.posts.edited(copy)

    first = await stage.open(answering)
    number = stage.write(ann, "teh")
    copy: Any = stage.world.accounts[stage.account.id].box.get(number)
    edit("the")
    edit("then")
    await until(lambda: len(stage.heard(ann)) == 2)
    await stage.kill(first)
    edit("there")
    edit("they")
    await stage.open(answering)
    await until(lambda: len(stage.heard(ann)) >= 4)
    stage.write(ann, "end")
    await until(lambda: len(stage.finished) >= 2)
    assert stage.heard(ann) == ["edited"] * 4


async def test_an_edit_and_the_message_it_changes_are_answered_side_by_side(stage: Stage, ann: int) -> None:
    def both(client: BotClient) -> None:
        echo(client)

        @client.on(events.MessageEdited())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            await event.respond("edited")

    first = await stage.open(both)
    number = stage.write(ann, "hello")
    await until(lambda: stage.finished)
    await stage.kill(first)
    stage.last.clear()
    copy: Any = stage.world.accounts[stage.account.id].box.get(number)
    stage.world.posts.edited(copy)
    await stage.open(both)
    await until(lambda: len(stage.heard(ann)) == 2)
    assert Counter(stage.heard(ann)) == {"you said hello": 1, "edited": 1}
