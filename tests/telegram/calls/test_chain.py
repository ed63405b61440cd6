from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from telethon import errors, events
from telethon.tl import functions, types

from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tgbot.store.sqlite.session import RESOLVES_A_DAY
from tgbot.telegram import BotClient, error_name, keep_random_id
from tgbot.telegram.calls import chain as calls
from tgbot.telegram.calls.chain import marked_input
from tgbot.telegram.updates.replies import derive_random_id

SEND = "messages.sendMessage"


def sent(stage: Stage) -> list[tuple[str, int | None]]:
    """Text and random_id of everything the bot sent, in order."""
    box = stage.world.accounts[stage.account.id].box
    copies = (box.get(number) for dialog in box.dialogs.values() for number in dialog.ids)
    return sorted((copy.post.text, copy.random_id) for copy in copies if copy is not None and copy.out)


@pytest.fixture
def ann(stage: Stage) -> int:
    """A person on the sandbox."""
    return stage.meet()


@pytest.fixture
async def client(stage: Stage, ann: int) -> BotClient:
    client = await stage.open(lambda _: None)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    return client


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of thousandths of a second."""
    monkeypatch.setattr(calls, "SERVER_PAUSES", (0.001, 0.002, 0.004))


# ---- faults of Telegram's own -------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
async def test_a_500_is_asked_again_with_pauses(stage: Stage, client: BotClient, ann: int) -> None:
    stage.faults.fail(SEND, 500, "INTERNAL", times=3)
    message = await client.send_message(ann, "hi")
    assert stage.heard(ann) == ["hi"]
    assert message.message == "hi"
    assert stage.sandbox.calls[SEND] == 4


@pytest.mark.usefixtures("quick")
async def test_a_500_that_does_not_end_is_raised(stage: Stage, client: BotClient, ann: int) -> None:
    stage.faults.fail(SEND, 500, "INTERNAL", times=10)
    with pytest.raises(errors.ServerError):
        await client.send_message(ann, "hi")
    assert stage.sandbox.calls[SEND] == 4


async def test_random_id_duplicate_returns_the_message_at_once(
    stage: Stage, client: BotClient, ann: int
) -> None:
    stage.faults.fail(SEND, 500, "RANDOM_ID_DUPLICATE", after=True)
    began = time.monotonic()
    message = await client.send_message(ann, "hi")
    assert time.monotonic() - began < 1.5
    assert stage.heard(ann) == ["hi"]
    dialog = stage.world.accounts[stage.account.id].box.dialogs[ann]
    assert (message.id, message.message) == (dialog.ids[-1], "hi")


async def test_random_id_duplicate_of_a_message_that_telegram_does_not_show_counts_as_sent(
    stage: Stage, client: BotClient, ann: int
) -> None:
    stage.faults.tell_message_ids(False)
    stage.faults.fail(SEND, 500, "RANDOM_ID_DUPLICATE", after=True)
    message = await client.send_message(ann, "hi")
    assert stage.heard(ann) == ["hi"]
    assert message.id == 0


async def test_an_answer_that_was_lost_with_the_connection_is_asked_for_and_nothing_sent_twice(
    stage: Stage, client: BotClient, ann: int
) -> None:
    stage.faults.lose_answer(SEND)
    message = await client.send_message(ann, "hi")
    assert stage.heard(ann) == ["hi"]
    assert message.id > 0


# ---- flood waits --------------------------------------------------------------------------------


async def test_flood_waits_that_are_over_do_not_pile_up(
    stage: Stage, client: BotClient, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_FLOODS_KEPT", 3)
    over, lasting = time.monotonic() - 1, time.monotonic() + 3000
    client._calls._flooded = {(1, number): over for number in range(10)} | {(2, 2): lasting}
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_3000")
    with pytest.raises(errors.FloodWaitError):
        await client.send_message(ann, "hi")
    assert len(client._calls._flooded) == 2
    assert client._calls._flooded[2, 2] == lasting


async def test_a_long_flood_wait_of_one_person_does_not_hold_up_another(
    stage: Stage, client: BotClient, ann: int
) -> None:
    bob = stage.meet("Bob")
    stage.write(bob, "hello")
    await until(lambda: client.session.access_hash(bob))
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_300")
    with pytest.raises(errors.FloodWaitError):
        await client.send_message(ann, "hi")
    await client.send_message(bob, "hi")
    assert stage.heard(bob) == ["hi"]
    # Telegram said when; it is not asked again before.
    with pytest.raises(errors.FloodWaitError) as raised:
        await client.send_message(ann, "hi")
    assert 290 < raised.value.seconds <= 300
    assert stage.sandbox.calls[SEND] == 2
    # Another method is another limit.
    async with client.action(ann, "typing"):
        pass


async def test_a_short_flood_wait_is_waited_for(stage: Stage, client: BotClient, ann: int) -> None:
    stage.faults.fail(SEND, 420, "FLOOD_WAIT_1")
    began = time.monotonic()
    await client.send_message(ann, "hi")
    assert 1 <= time.monotonic() - began < 4
    assert stage.heard(ann) == ["hi"]


async def test_telethons_threshold_says_which_flood_wait_is_too_long(
    stage: Stage, client: BotClient, ann: int
) -> None:
    client.flood_sleep_threshold = 1
    stage.faults.fail("users.getUsers", 420, "FLOOD_WAIT_2")
    with pytest.raises(errors.FloodWaitError):
        await client(functions.users.GetUsersRequest([types.InputUserSelf()]))


async def test_time_spent_waiting_for_a_flood_is_not_a_handlers_own(stage: Stage, ann: int) -> None:
    def slow(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            await event.respond("answer")

    stage.faults.fail(SEND, 420, "FLOOD_WAIT_1")
    client = await stage.open(slow, handler_seconds=0.3)
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["answer"])
    assert client._dispatcher.cut_off == 0


# ---- outcomes -----------------------------------------------------------------------------------


async def test_how_every_call_about_a_private_user_ended_is_told(
    stage: Stage, client: BotClient, ann: int
) -> None:
    await client.send_message(ann, "hi")
    stage.world.block(ann, stage.account.id)
    with pytest.raises(errors.UserIsBlockedError):
        await client.send_message(ann, "hi")
    stage.world.delete_account(ann)
    with pytest.raises(errors.InputUserDeactivatedError):
        await client.send_message(ann, "hi")
    assert [error for _, _, error in stage.outcomes] == [None, "USER_IS_BLOCKED", "INPUT_USER_DEACTIVATED"]
    assert {(name, user) for name, user, _ in stage.outcomes} == {("SendMessageRequest", ann)}


async def test_an_outcome_is_told_with_telegrams_time_when_the_call_went_out(
    stage: Stage, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str | None, int]] = []
    hooks = stage.hooks(outcome=lambda request, user_id, error, at: told.append((error, at)))
    client = await stage.open(lambda _: None, hooks=hooks)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    now = [1_000]
    monkeypatch.setattr(client._calls, "_server_time", lambda: now[0])
    stage.faults.delay(0.3, SEND)
    sending = asyncio.create_task(client.send_message(ann, "hi"))
    await until(lambda: stage.heard(ann))
    now[0] = 2_000  # what happens from here on is later than the call, whatever its answer says
    await sending
    stage.world.block(ann, stage.account.id)
    with pytest.raises(errors.UserIsBlockedError):
        await client.send_message(ann, "hi")
    assert told == [(None, 1_000), ("USER_IS_BLOCKED", 2_000)]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (403, "PRIVACY_PREMIUM_REQUIRED"),
        (403, "ALLOW_PAYMENT_REQUIRED_50"),
        (400, "USER_BOT_TO_BOT_DISABLED"),
        (403, "USER_IS_BLOCKED"),
        (400, "PEER_ID_INVALID"),
        (420, "FLOOD_WAIT_3000"),
        (420, "SLOWMODE_WAIT_3000"),
        (400, "SOMETHING_NEW"),
    ],
)
async def test_an_errors_name_is_telegrams_also_where_telethon_has_no_class(
    stage: Stage, client: BotClient, ann: int, code: int, name: str
) -> None:
    stage.faults.fail(SEND, code, name)
    with pytest.raises(errors.RPCError) as raised:
        await client.send_message(ann, "hi")
    assert error_name(raised.value) == name
    # A wait says nothing about the person.
    assert stage.outcomes == ([] if code == 420 else [("SendMessageRequest", ann, name)])


async def test_a_list_of_requests_is_answered_in_order_and_one_refusal_does_not_hide_the_others(
    client: BotClient, ann: int
) -> None:
    good = functions.users.GetUsersRequest([types.InputUserSelf()])
    bad = functions.contacts.ResolveUsernameRequest("nobody_has_this")
    first, second = await client([good, good])
    assert first[0].id == second[0].id == client.me.id
    for ordered in (False, True):
        with pytest.raises(errors.MultiError) as raised:
            await client([good, bad], ordered=ordered)
        assert raised.value.results[0][0].id == client.me.id
        assert error_name(raised.value.exceptions[1]) == "USERNAME_NOT_OCCUPIED"


# ---- once only ----------------------------------------------------------------------------------


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
    bot, name = stage.account.id, f"m{ann}:1"
    assert sent(stage) == [
        ("first", derive_random_id(bot, name, ann, 0)),
        ("second", derive_random_id(bot, name, ann, 1)),
    ]


@pytest.mark.parametrize(("random_ids", "message_ids"), [(True, True), (False, True), (False, False)])
async def test_an_answer_that_had_gone_out_before_a_kill_is_not_sent_again(
    stage: Stage, ann: int, random_ids: bool, message_ids: bool
) -> None:
    replayed: list[bool] = []
    got: list[int] = []

    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            replayed.append(event.replayed)
            got.append((await event.respond(f"you said {event.raw_text}")).id)

    first = await stage.open(answering)
    stage.write(ann, "hello")
    await until(lambda: len(stage.heard(ann)) == 1)
    await first.checkpoint()
    stage.write(ann, "two")
    stage.write(ann, "three")
    await until(lambda: len(stage.heard(ann)) == 3)
    await stage.kill(first)
    stage.last.clear()  # what the registry would tell is lost with the process here
    if not random_ids:
        stage.faults.forget_random_ids()
    stage.faults.tell_message_ids(message_ids)
    number = stage.write(ann, "four")
    await stage.open(answering)
    await until(lambda: stage.last.get(ann) == number)
    assert stage.heard(ann) == [f"you said {text}" for text in ("hello", "two", "three", "four")]
    assert replayed[-3:] == [True] * 3
    assert got[-3:-1] == got[1:3]


async def test_a_send_with_an_id_of_its_own_keeps_it(stage: Stage, ann: int) -> None:
    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            peer = await event.get_input_chat()
            request = functions.messages.SendMessageRequest(peer, "mine", random_id=4711)
            await client(keep_random_id(request))

    await stage.open(answering)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
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
    assert random_id != derive_random_id(stage.account.id, f"m{ann}:1", ann, 0)


async def test_a_message_handled_anew_after_it_was_answered_with_something_else_is_answered(
    stage: Stage, ann: int
) -> None:
    answers = iter(["old", "new"])

    def answering(client: BotClient) -> None:
        @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
        async def answer(event: Any) -> None:
            await event.respond(next(answers))

    stage.faults.tell_message_ids(False)
    first = await stage.open(answering)
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == ["old"])
    await stage.kill(first)
    stage.last.clear()
    stage.faults.forget_random_ids()
    await stage.open(answering)
    await until(lambda: stage.heard(ann) == ["old", "new"])


# ---- usernames ----------------------------------------------------------------------------------


async def test_every_resolve_is_counted_and_past_the_budget_refused_without_asking(
    stage: Stage, client: BotClient
) -> None:
    stage.meet("Cleo", username="cleo")
    resolve = functions.contacts.ResolveUsernameRequest
    assert (await client(resolve("cleo"))).users[0].first_name == "Cleo"
    assert client.session.resolves_today() == 1
    for _ in range(RESOLVES_A_DAY - 1):
        client.session.count_resolve()
    with pytest.raises(errors.FloodWaitError) as raised:
        await client(resolve("cleo"))
    assert raised.value.seconds > 80_000
    assert stage.sandbox.calls["contacts.resolveUsername"] == 1
    await client.checkpoint()
    await stage.close(client)
    again = await stage.open()
    assert again.session.resolves_today() == RESOLVES_A_DAY


async def test_whoever_an_answer_names_is_remembered(stage: Stage) -> None:
    seen: list[tuple[list[int], str]] = []
    hooks = stage.hooks(seen=lambda users, source: seen.append(([user.id for user in users], source)))
    client = await stage.open(hooks=hooks)
    cleo = stage.meet("Cleo", username="cleo")
    await client(functions.contacts.ResolveUsernameRequest("cleo"))
    row = client.session.username("cleo")
    assert row is not None
    assert row.marked_id == cleo
    assert ([cleo], "ResolveUsernameRequest") in seen


@pytest.mark.parametrize(
    ("peer", "number"),
    [
        (types.InputPeerUser(5, 6), 5),
        (types.InputPeerChat(8), -8),
        (types.InputPeerChannel(9, 1), -1_000_000_000_009),
        (types.InputPeerSelf(), 0),
        (types.InputPeerEmpty(), 0),
        (None, 0),
        ("what a plugin may have put there", 0),
    ],
)
def test_the_marked_id_of_an_input_peer(peer: Any, number: int) -> None:
    assert marked_input(peer) == number


async def test_sends_wait_for_a_fresh_checkpoint_when_none_can_be_made(stage: Stage, ann: int) -> None:
    gate = asyncio.Event()

    async def flush() -> None:
        await gate.wait()

    client = await stage.open(echo, hooks=stage.hooks(flush=flush))
    stage.write(ann, "hello")
    await until(lambda: client.session.access_hash(ann))
    sending = asyncio.create_task(client.send_message(ann, "hi"))
    await asyncio.sleep(0.1)  # what the send would need
    assert stage.heard(ann) == []
    gate.set()
    async with asyncio.timeout(PATIENCE):
        await sending
    await until(lambda: sorted(stage.heard(ann)) == ["hi", "you said hello"])
