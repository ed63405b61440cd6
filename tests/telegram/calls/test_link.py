from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import errors
from telethon.errors import AuthKeyNotFound
from telethon.tl import functions

from tests.telegram.calls.conftest import SEND
from tests.telegram.conftest import PATIENCE, Stage
from tgbot.telegram import BotClient
from tgbot.telegram.calls.call import call_of
from tgbot.telegram.calls.link import UntilAnswered
from tgbot.telegram.wire.link import LinkState, making_login


class Sender:
    """Give the answers that it was made with, in order; None is an answer that never arrives."""

    def __init__(self, *answers: Any) -> None:
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
    sender = Sender("state")
    chain, _ = link(sender)
    assert await answer(chain, sender) == "state"
    assert len(sender.sent) == 1


@pytest.mark.parametrize(
    "ended",
    [
        ConnectionResetError(),
        BufferError(),
        AuthKeyNotFound(),
        errors.AuthKeyUnregisteredError(None),
        errors.SessionRevokedError(None),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_request_whose_link_or_login_ended_is_sent_again_once_there_is_another(
    ended: Exception,
) -> None:
    sender = Sender(ended, "state")
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
    assert await asking == "state"


async def test_an_answer_that_telethon_cancels_with_its_link_is_asked_for_again() -> None:
    sender = Sender(None, "state")
    chain, _ = link(sender)
    asking = asyncio.create_task(answer(chain, sender))
    await asyncio.sleep(0)
    sender.futures[0].cancel()
    assert await asking == "state"


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
    sender = Sender("state", "state", errors.ConnectionNotInitedError(None), "state")
    chain, state = link(sender)
    state.fresh_session = True
    for _ in range(3):
        assert await answer(chain, sender) == "state"
    names = [type(request).__name__ for request in sender.sent]
    layer, plain = "InvokeWithLayerRequest", "GetStateRequest"
    assert names == [layer, plain, plain, layer]
    assert sender.sent[0].query.query is not INTRODUCTION
    assert type(sender.sent[0].query.query) is STATE


async def test_an_answer_lost_with_the_connection_is_asked_for_on_the_wire_and_nothing_sent_twice(
    stage: Stage, client: BotClient, ann: int
) -> None:
    stage.faults.lose_answer(SEND)
    message = await client.send_message(ann, "hi")
    assert stage.heard(ann) == ["hi"]
    assert message.id > 0
