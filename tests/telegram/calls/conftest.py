"""A client that serves, and a chain of calls that ends in a script instead of a wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon.tl import functions, types

from tests.telegram.conftest import Stage, until
from tgbot.telegram import BotClient
from tgbot.telegram.calls.call import Call, call_of
from tgbot.telegram.wire.link import LinkState

SEND = "messages.sendMessage"


class Script:
    """The last link of a chain: answers with what it was given, in order, then with True."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        #: The requests that came.
        self.requests: list[Any] = []

    async def call(self, call: Call) -> Any:
        self.requests.append(call.request)
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, BaseException):
            raise answer
        return answer


class NoSender:
    """A sender that sends nothing: scripts answer."""

    def __init__(self) -> None:
        self.link_state = LinkState()

    def send(self, request: Any) -> asyncio.Future[Any]:
        raise AssertionError("nothing is sent")


def typing(user_id: int = 5, *, flood_threshold: float = 60) -> Call:
    """A call about a private user that makes no message."""
    peer = types.InputPeerUser(user_id, 1)
    request = functions.messages.SetTypingRequest(peer, types.SendMessageTypingAction())
    return call_of(NoSender(), request, flood_threshold)


def message(user_id: int = 5, random_id: int = 7) -> Call:
    """A call that sends a message to a private user."""
    peer = types.InputPeerUser(user_id, 1)
    return call_of(NoSender(), functions.messages.SendMessageRequest(peer, "hi", random_id=random_id), 60)


def sent(stage: Stage) -> list[tuple[str, int | None]]:
    """Text and random_id of everything the bot sent, sorted."""
    box = stage.world.accounts[stage.account.id].box
    copies = (box.get(number) for dialog in box.dialogs.values() for number in dialog.ids)
    return sorted((copy.post.text, copy.random_id) for copy in copies if copy is not None and copy.out)


@pytest.fixture
def ann(stage: Stage) -> int:
    """A person on the sandbox."""
    return stage.meet()


@pytest.fixture
async def client(stage: Stage, ann: int) -> BotClient:
    """A client without handlers that has met Ann."""
    client = await stage.open(lambda _: None)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    return client
