from __future__ import annotations

import asyncio
import traceback
from math import inf
from typing import Any

import pytest
from telethon import errors
from telethon.errors import AuthKeyNotFound
from telethon.tl import functions, types

from tests.telegram.calls.conftest import SEND
from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tgbot.sandbox.faults.damage import Damage
from tgbot.telegram import BotClient
from tgbot.telegram.calls import link as link_module
from tgbot.telegram.calls import retries
from tgbot.telegram.calls.call import call_of
from tgbot.telegram.calls.link import UntilAnswered
from tgbot.telegram.refusals import Answer, NoAnswerError, answer_of
from tgbot.telegram.wire.link import LinkState, making_login
from tgbot.telegram.wire.reading import UnreadableError


class Sender:
    """Give the answers that it was made with, in order; None is an answer that never arrives."""

    def __init__(self, *answers: Any) -> None:
        self.link_state = LinkState()
        self.answers = list(answers)
        self.sent: list[Any] = []
        self.futures: list[asyncio.Future[Any]] = []

    def send(self, request: Any) -> asyncio.Future[Any]:
        self.sent.append(request)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        elif answer is not None:
            future.set_result(answer)
        return future


STATE_ANSWER: Any = types.updates.State(1, 1, None, 1, 0)
INTRODUCTION: Any = functions.InitConnectionRequest(1, "", "", "", "", "", "", None)
STATE = functions.updates.GetStateRequest


def link(sender: Sender) -> tuple[UntilAnswered, LinkState]:
    state = LinkState()
    state.up.start()
    state.logged_in()
    return UntilAnswered(sender, state, INTRODUCTION), state


async def answer(chain: UntilAnswered, sender: Sender) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await chain.call(call_of(sender, STATE(), 60))


async def test_a_request_is_sent_once_and_its_answer_returned() -> None:
    sender = Sender(STATE_ANSWER)
    chain, _ = link(sender)
    assert await answer(chain, sender) == STATE_ANSWER
    assert len(sender.sent) == 1


@pytest.mark.parametrize(
    "ended",
    [
        ConnectionResetError(),
        errors.InvalidBufferError(bytes(4)),
        errors.InvalidChecksumError(1, 2),
        asyncio.IncompleteReadError(b"secret", 9),
        AuthKeyNotFound(),
        errors.AuthKeyUnregisteredError(None),
        errors.SessionRevokedError(None),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_request_whose_link_or_login_ended_is_sent_again_once_there_is_another(
    ended: Exception,
) -> None:
    sender = Sender(ended, STATE_ANSWER)
    chain, state = link(sender)
    if not isinstance(ended, errors.RPCError):
        state.link_lost()
    asking = asyncio.create_task(answer(chain, sender))
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(sender.sent) == 1
    assert not state.ready.is_set()
    assert state.login_ended.is_set() == isinstance(ended, errors.RPCError)
    state.logged_in()
    assert await asking == STATE_ANSWER


async def test_an_answer_that_telethon_cancels_with_its_link_is_asked_for_again() -> None:
    sender = Sender(None, STATE_ANSWER)
    chain, _ = link(sender)
    asking = asyncio.create_task(answer(chain, sender))
    await asyncio.sleep(0)
    sender.futures[0].cancel()
    assert await asking == STATE_ANSWER


async def test_a_task_that_is_cancelled_ends() -> None:
    sender = Sender(None)
    chain, _ = link(sender)
    asking = asyncio.create_task(answer(chain, sender))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_once_the_bot_has_stopped_a_lost_link_is_raised() -> None:
    sender = Sender(ConnectionResetError())
    chain, state = link(sender)
    state.closed = True
    with pytest.raises(ConnectionResetError):
        await answer(chain, sender)


async def test_the_login_itself_and_other_data_centers_are_not_asked_twice() -> None:
    main, other = Sender(ConnectionResetError()), Sender(ConnectionResetError())
    chain, _ = link(main)
    with pytest.raises(ConnectionResetError):
        await answer(chain, other)
    before = making_login.set(True)
    with pytest.raises(ConnectionResetError):
        await answer(chain, main)
    making_login.reset(before)


async def test_the_first_request_of_a_session_names_our_layer_and_so_does_one_that_telegram_asks_to() -> None:
    sender = Sender(STATE_ANSWER, STATE_ANSWER, errors.ConnectionNotInitedError(None), STATE_ANSWER)
    chain, state = link(sender)
    state.fresh_session = True
    for _ in range(3):
        assert await answer(chain, sender) == STATE_ANSWER
    names = [type(request).__name__ for request in sender.sent]
    layer, plain = "InvokeWithLayerRequest", "GetStateRequest"
    assert names == [layer, plain, plain, layer]
    assert sender.sent[0].query.query is not INTRODUCTION
    assert type(sender.sent[0].query.query) is STATE


async def test_a_request_that_ends_each_login_is_given_up() -> None:
    sender = Sender(*(errors.SessionRevokedError(None) for _ in range(9)))
    chain, state = link(sender)

    async def log_in_again() -> None:
        while True:
            await state.login_ended.wait()
            state.logged_in()

    logins = asyncio.create_task(log_in_again())
    with pytest.raises(errors.SessionRevokedError):
        await answer(chain, sender)
    logins.cancel()
    assert len(sender.sent) == 3


@pytest.mark.parametrize("name", ["PRIVACY_PREMIUM_REQUIRED", "FRESH_CHANGE_ADMINS_FORBIDDEN"])
async def test_a_406_that_is_about_the_request_ends_no_login(name: str) -> None:
    sender = Sender(errors.AuthKeyError(None, name, 406))
    chain, state = link(sender)
    with pytest.raises(errors.AuthKeyError):
        await answer(chain, sender)
    assert state.ready.is_set()


# ---- on the wire --------------------------------------------------------------------------------


async def test_an_answer_lost_with_the_connection_is_asked_for_on_the_wire_and_nothing_sent_twice(
    stage: Stage, client: BotClient, ann: int
) -> None:
    stage.faults.lose_answer(SEND)
    message = await client.send_message(ann, "hi")
    assert stage.heard(ann) == ["hi"]
    assert message.id > 0


async def test_a_request_that_ends_each_link_is_given_up_and_others_are_answered(
    stage: Stage, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "LOST_PAUSES", (0.1, 0.2, 0.3))
    client = await stage.open(echo)
    bob = stage.meet("Bob")
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann))
    stage.faults.lose_answer(SEND, seconds=inf, peer=ann)
    sending = asyncio.create_task(client.send_message(ann, "hi"))
    written = 0

    def answered() -> bool:
        return len(stage.heard(bob)) == written

    while not sending.done():
        stage.write(bob, "hello")
        written += 1
        await until(answered)
    with pytest.raises(NoAnswerError):
        await sending
    assert len(stage.heard(bob)) > 1
    assert stage.sandbox.calls[SEND] - len(stage.heard(bob)) < 15
    assert stage.heard(ann) == ["you said hello", "hi"]


async def test_a_request_that_is_too_big_is_its_makers_mistake(client: BotClient, ann: int) -> None:
    peer = await client.get_input_entity(ann)
    with pytest.raises(ValueError, match="too big"):
        await client(functions.messages.SendMessageRequest(peer, "x" * 2_000_000))
    await client(STATE())


@pytest.mark.parametrize("damage", list(Damage))
async def test_an_answer_that_cannot_be_read_is_an_error_without_its_bytes(
    stage: Stage, client: BotClient, damage: Damage
) -> None:
    stage.meet("Planted", username="cleo")
    stage.faults.garble_answers("contacts.resolveUsername", damage)
    request = functions.contacts.ResolveUsernameRequest
    with pytest.raises(UnreadableError, match="ResolveUsernameRequest") as raised:
        await client(request("cleo"))
    assert answer_of(raised.value) is Answer.BROKEN
    lines = traceback.format_exception(raised.value)
    assert not any(word in line for line in lines for word in ("Planted", "\\x"))
    assert raised.value.__context__ is None
    assert ("0badf00d" in str(raised.value)) == (damage is Damage.UNKNOWN)
    assert (await client(request("cleo"))).users[0].first_name == "Planted"


async def test_one_answer_that_cannot_be_read_does_not_cost_the_others_of_its_container(
    stage: Stage, client: BotClient, ann: int
) -> None:
    stage.faults.garble_answers("updates.getState")
    peer = await client.get_input_entity(ann)
    typing = functions.messages.SetTypingRequest(peer, types.SendMessageTypingAction())
    requests = [typing, STATE(), typing, functions.users.GetUsersRequest([types.InputUserSelf()])]
    asked = stage.sandbox.calls.copy()
    results: list[Any] = await asyncio.gather(*map(client, requests), return_exceptions=True)
    first, broken, second, users = results
    assert (first, second, users[0].id) == (True, True, client.me.id)
    # None was asked for again.
    assert (stage.sandbox.calls - asked).total() == len(requests)
    assert isinstance(broken, UnreadableError)


@pytest.mark.parametrize("code", [18, 19, 20, 34, 35, 64])
async def test_a_request_that_is_refused_as_a_bad_message_goes_out_again(
    stage: Stage, client: BotClient, ann: int, code: int
) -> None:
    stage.faults.bad_msg(code, SEND)
    await client.send_message(ann, "hi")
    assert stage.heard(ann) == ["hi"]


async def test_a_request_that_is_refused_as_a_bad_message_each_time_is_given_up_after_a_fresh_link(
    stage: Stage, client: BotClient, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FAULT_PAUSES", ())
    links = client._link_state.links
    stage.faults.bad_msg(20, SEND, times=99)
    with pytest.raises(errors.TimedOutError) as raised:
        await client.send_message(ann, "hi")
    assert answer_of(raised.value) is Answer.LATER
    assert stage.sandbox.calls[SEND] == 6
    assert client._link_state.links == links + 1
