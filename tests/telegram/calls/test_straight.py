"""The short way: what is answered at once asks no link of the chain; what is not goes through it, once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from tests.telegram.calls.conftest import SEND, sent
from tests.telegram.conftest import PATIENCE, Stage, until
from tgbot.telegram import BotClient
from tgbot.telegram.calls.call import Call
from tgbot.telegram.calls.straight import Straight

TYPING = "messages.setTyping"


class Chain:
    """The chain behind the short way of a client, which notes what comes to it."""

    def __init__(self, client: BotClient) -> None:
        straight: Any = client._calls
        assert type(straight) is Straight
        self._then = straight._then
        straight._then = self
        #: Of each call, whether it was sent before it came here.
        self.begun: list[bool] = []

    async def call(self, call: Call) -> Any:
        self.begun.append(call.begun is not None)
        return await self._then.call(call)


async def typing(client: BotClient, person: int) -> Any:
    peer = types.InputPeerUser(person, 0)
    return await client(functions.messages.SetTypingRequest(peer, types.SendMessageTypingAction()))


def open_requests(client: BotClient) -> int:
    straight = client._calls
    assert isinstance(straight, Straight)
    return len(straight._link._unanswered._open)


async def test_what_is_answered_at_once_asks_no_link_of_the_chain(
    client: BotClient, stage: Stage, ann: int
) -> None:
    chain = Chain(client)
    assert await typing(client, ann) is True
    await client.send_message(ann, "hello")
    assert chain.begun == []
    assert stage.outcomes[-2:] == [("SetTypingRequest", ann, None), ("SendMessageRequest", ann, None)]
    assert open_requests(client) == 0


async def test_a_refusal_is_reported_once_and_the_request_made_once(
    client: BotClient, stage: Stage, ann: int
) -> None:
    chain, asked = Chain(client), stage.sandbox.calls.copy()
    stage.world.block(ann, stage.account.id)
    with pytest.raises(errors.UserIsBlockedError):
        await typing(client, ann)
    assert chain.begun == [True]
    assert [one for one in stage.outcomes if one[2]] == [("SetTypingRequest", ann, "USER_IS_BLOCKED")]
    assert (stage.sandbox.calls - asked).total() == 1
    assert open_requests(client) == 0


async def test_what_failed_once_is_made_once_more(client: BotClient, stage: Stage, ann: int) -> None:
    chain, asked = Chain(client), stage.sandbox.calls.copy()
    stage.faults.fail(TYPING, 500, "INTERNAL", times=1)
    assert await typing(client, ann) is True
    assert chain.begun == [True]
    assert (stage.sandbox.calls - asked).total() == 2
    assert open_requests(client) == 0


async def test_what_is_lost_with_its_link_is_sent_once(client: BotClient, stage: Stage, ann: int) -> None:
    chain = Chain(client)
    stage.faults.lose_answer(SEND, times=1)
    message = await client.send_message(ann, "hello")
    assert message.id
    assert True not in chain.begun  # the link itself sends it again, over the next one
    assert [text for text, _ in sent(stage)] == ["hello"]


async def test_a_call_that_has_to_wait_for_a_flood_is_not_sent_before(
    client: BotClient, stage: Stage, ann: int
) -> None:
    chain, asked = Chain(client), stage.sandbox.calls.copy()
    stage.faults.fail(TYPING, 420, "FLOOD_WAIT_300", times=1)
    for _ in range(2):
        with pytest.raises(errors.FloodWaitError):
            await typing(client, ann)
    assert chain.begun == [True, False]
    assert (stage.sandbox.calls - asked).total() == 1


async def test_who_is_cancelled_while_the_answer_is_awaited_is_not_answered_by_the_chain(
    client: BotClient, stage: Stage, ann: int
) -> None:
    asked = stage.sandbox.calls.copy()
    stage.faults.silence(TYPING)
    waiting = asyncio.ensure_future(typing(client, ann))
    await until(lambda: (stage.sandbox.calls - asked).total())
    waiting.cancel()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert open_requests(client) == 0
    assert (stage.sandbox.calls - asked).total() == 1


async def test_who_is_cancelled_in_the_moment_of_the_answer_is_cancelled(
    client: BotClient, monkeypatch: pytest.MonkeyPatch, ann: int
) -> None:
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(client._sender, "send", lambda request: answer)
    waiting = asyncio.ensure_future(typing(client, ann))
    await asyncio.sleep(0)
    answer.set_result(True)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert open_requests(client) == 0


async def test_calls_that_are_logged_go_through_the_chain(
    client: BotClient, ann: int, caplog: pytest.LogCaptureFixture
) -> None:
    chain = Chain(client)
    with caplog.at_level(logging.DEBUG, "tgbot.telegram.calls.observed"):
        await typing(client, ann)
    assert chain.begun == [False]
    assert any("messages.setTyping" in one for one in caplog.messages)
