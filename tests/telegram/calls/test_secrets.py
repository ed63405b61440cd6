"""No error of a call shows what the request or its answer holds, however it is printed; nor does a log."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import pytest
from telethon.tl import TLRequest, functions, types

from tests.telegram.calls.conftest import SEND
from tests.telegram.conftest import PATIENCE, Stage
from tgbot.sandbox.faults import Faults
from tgbot.sandbox.faults.damage import Damage
from tgbot.telegram import BotClient
from tgbot.telegram.calls import link, retries, unanswered
from tgbot.telegram.refusals import answer_of

#: A text and a number that requests hold here.
TEXT, NUMBER = "planted words", 7_712_345_678_901


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unanswered, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(unanswered, "LIMIT_SECONDS", 0.1)
    monkeypatch.setattr(link, "LOST_PAUSES", (0.01,))
    for name in ("FAULT_PAUSES", "DUPLICATE_PAUSES", "UNREADABLE_PAUSES"):
        monkeypatch.setattr(retries, name, ())


def printed(error: BaseException | None) -> Iterator[str]:
    """Yield everything that an error shows, with the errors behind it."""
    while error is not None:
        yield from (str(error), repr(error), repr(error.args))
        yield from traceback.format_exception(error)
        error = error.__cause__ or error.__context__


FAULTS: dict[str, Callable[[Faults], None]] = {
    "refused": lambda faults: faults.fail(SEND, 400, "NONSENSE", times=2),
    "fault": lambda faults: faults.fail(SEND, 500, "INTERNAL", seconds=inf),
    "flood": lambda faults: faults.fail(SEND, 420, "FLOOD_WAIT_300", times=2),
    "slow mode": lambda faults: faults.fail(SEND, 420, "SLOWMODE_WAIT_300", times=2),
    "silence": lambda faults: faults.silence(SEND, seconds=inf),
    "lost": lambda faults: faults.lose_answer(SEND, seconds=inf),
    "bad message": lambda faults: faults.bad_msg(64, SEND, times=99),
}


async def failure_of(client: BotClient, request: TLRequest) -> BaseException:
    """Return the error that a request ends with."""
    async with asyncio.timeout(PATIENCE):
        ended: tuple[Any, ...] = await asyncio.gather(client(request), return_exceptions=True)
    assert isinstance(ended[0], Exception)
    return ended[0]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("fault", FAULTS)
async def test_an_error_shows_nothing_of_the_request(
    stage: Stage, client: BotClient, ann: int, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    FAULTS[fault](stage.faults)
    peer = await client.get_input_entity(ann)
    for _ in range(2):  # the second flood wait is an error of our own
        request = functions.messages.SendMessageRequest(peer, TEXT, random_id=NUMBER)
        check(await failure_of(client, request), caplog, TEXT, str(NUMBER), str(peer.access_hash))


@pytest.mark.parametrize("damage", list(Damage))
async def test_an_error_shows_nothing_of_the_answer(
    stage: Stage, client: BotClient, damage: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage.meet(TEXT, username="cleo")
    stage.faults.garble_answers("contacts.resolveUsername", damage)
    request = functions.contacts.ResolveUsernameRequest("cleo")
    check(await failure_of(client, request), caplog, TEXT, "\\x")


@pytest.mark.parametrize(
    "wrong",
    [
        {"random_id": 2**70},
        {"schedule_date": "tomorrow"},
        {"reply_markup": types.ReplyKeyboardMarkup("rows")},
        {"entities": [None]},
    ],
    ids=lambda wrong: str(*wrong),
)
async def test_a_request_that_cannot_be_packed_shows_nothing_of_itself(
    client: BotClient, ann: int, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any]
) -> None:
    caplog.set_level(logging.INFO)
    peer = types.InputPeerUser(ann, NUMBER)
    request = functions.messages.SendMessageRequest(peer, TEXT, **wrong)
    error = await failure_of(client, request)
    assert answer_of(error) is None
    check(error, caplog, TEXT, str(NUMBER))


def check(error: BaseException, caplog: pytest.LogCaptureFixture, *words: str) -> None:
    """Fail if one of the words is in what an error shows, or in the log."""
    shown = "\n".join([*printed(error), caplog.text])
    assert not [word for word in words if word in shown]
