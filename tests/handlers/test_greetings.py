"""Greetings of people who asked to join: nobody waits behind them, none is lost or sent twice."""

from __future__ import annotations

import logging
from contextlib import suppress

import pytest
from telethon.tl import types

from tests.handlers.conftest import Desk
from tests.telegram.conftest import until
from tgbot.handlers import admissions, greetings, help, join_requests
from tgbot.messaging.pace import Pace
from tgbot.plugins.parts import Approve
from tgbot.sandbox.rpc import RpcError
from tgbot.telegram import BotClient

SEND, ADMIT = "messages.sendMessage", "messages.hideChatJoinRequest"


class Club:
    """A chat that people ask to join, and the bot that greets them at a pace that a test sets."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        owner, groups = desk.meet("Olga"), desk.world.groups
        self.chat = groups.new_channel("Chess Club", creator=owner, megagroup=True)
        bot, rights = desk.world.accounts[desk.bot_id], types.ChatAdminRights(invite_users=True)
        groups.promote(self.chat, bot, rights, by=owner)
        self.invite = groups.invite(self.chat, owner, request_needed=True)
        #: How far the bot's clock is ahead of Telegram's, in seconds.
        self.ahead = 0.0

    async def open(self, *, a_second: float, approve: Approve = Approve.NEVER) -> BotClient:
        await self.desk.open(
            join_requests,
            help,
            approve=approve,
            clock=lambda: self.desk.parts.client.server_time() + self.ahead,
        )
        self.pace(a_second)
        return self.desk.parts.client

    def pace(self, a_second: float) -> None:
        """Let the bot send so many messages a second of its own accord."""
        self.desk.parts.sender._pace = Pace(overall=a_second, overall_burst=1)

    def asked_by(self, people: int) -> list[int]:
        """Let so many people ask to join, and return their ids."""
        asked = [self.desk.meet() for _ in range(people)]
        for person in asked:
            with suppress(RpcError):  # INVITE_REQUEST_SENT
                self.desk.world.groups.follow(self.desk.world.accounts[person], self.chat, self.invite)
        return asked

    async def knows(self, people: list[int]) -> None:
        """Return once the requests of all of them have arrived."""
        users = self.desk.users
        await until(
            lambda: all((user := users.get(one)) and "join_request" in user.known_by for one in people)
        )

    def greeted(self, people: list[int]) -> list[int]:
        """Return how often each of them was greeted."""
        heard = self.desk.stage.heard
        return [len([text for text in heard(person) if "Chess Club" in text]) for person in people]


@pytest.fixture
def club(desk: Desk) -> Club:
    return Club(desk)


async def test_while_1500_greetings_wait_everybody_else_is_answered_and_so_is_who_asked(club: Club) -> None:
    client = await club.open(a_second=0.01)
    asked = club.asked_by(1500)
    await until(lambda: sum(club.greeted(asked)) == 1)
    ben = club.desk.meet("Ben")
    await club.desk.asks(ben, "/help")
    assert len(club.desk.users.get(asked[-1]).join_requests) == 1  # type: ignore[union-attr] # she is known
    club.desk.stage.write(asked[-1], "/help")
    await until(lambda: club.desk.stage.heard(asked[-1]))
    assert sum(club.greeted(asked)) == 1
    assert client._batches.waiting >= 1499  # those who are not greeted: their updates are in flight


async def test_a_kill_in_the_middle_loses_no_greeting_and_sends_none_twice(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greetings, "RUNNERS", 1)
    client = await club.open(a_second=20)
    asked = club.asked_by(12)
    await until(lambda: sum(club.greeted(asked)) >= 4)
    club.pace(0.01)
    await client.checkpoint()
    await club.desk.stage.kill(client)
    assert sum(club.greeted(asked)) < 12
    client = await club.open(a_second=1000)
    await until(lambda: not client._batches.waiting and all(club.greeted(asked)))
    assert club.greeted(asked) == [1] * 12
    await client.checkpoint()


async def test_a_stop_waits_for_the_greetings_within_its_grace(club: Club) -> None:
    client = await club.open(a_second=50)
    asked = club.asked_by(10)
    await until(lambda: sum(club.greeted(asked)) >= 1)
    assert await club.desk.stage.close(client)
    assert club.greeted(asked) == [1] * 10


@pytest.mark.parametrize("approve", [Approve.NEVER, Approve.ALWAYS])
async def test_who_cannot_be_greeted_in_time_is_counted_and_still_let_in(
    club: Club, caplog: pytest.LogCaptureFixture, approve: Approve, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(greetings, "RUNNERS", 1)
    client = await club.open(a_second=2, approve=approve)
    asked = club.asked_by(6)
    await until(lambda: sum(club.greeted(asked)) == 1)
    await club.knows(asked)
    club.ahead = 400
    await until(lambda: not client._batches.waiting)
    late = 6 - sum(club.greeted(asked))
    assert late >= 4
    assert f"{late} people asked to join and could not be greeted within five minutes" in caplog.messages
    assert len(set(asked) & set(club.chat.members)) == (6 if approve is Approve.ALWAYS else 0)


async def test_more_than_can_be_greeted_in_time_do_not_wait(
    club: Club, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greetings, "LIMIT", 3)
    monkeypatch.setattr(greetings, "RUNNERS", 1)
    client = await club.open(a_second=5)
    asked = club.asked_by(8)
    await club.knows(asked)
    await until(lambda: not client._batches.waiting)
    greeted = sum(club.greeted(asked))
    assert greeted < 8
    assert f"{8 - greeted} people asked to join and could not be greeted" in caplog.text


async def test_what_telegram_puts_off_is_tried_again_and_sent_once(club: Club) -> None:
    client = await club.open(a_second=1000, approve=Approve.ALWAYS)
    client.flood_sleep_threshold = 0
    club.desk.faults.fail(SEND, 420, "FLOOD_WAIT_1", times=1)
    club.desk.faults.fail(ADMIT, 420, "FLOOD_WAIT_1", times=1)
    asked = club.asked_by(2)
    await until(lambda: len(set(asked) & set(club.chat.members)) == 2)
    assert club.greeted(asked) == [1, 1]
    await until(lambda: not list(club.desk.users.parked.entries()))
    assert not client._batches.waiting


async def test_a_greeting_that_fails_is_parked_like_the_failure_of_a_handler(
    club: Club, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await club.open(a_second=1000)

    async def fail(*_: object, **__: object) -> None:
        raise LookupError("a name of somebody")

    monkeypatch.setattr(club.desk.parts.sender.__class__, "send", fail)
    club.asked_by(1)
    await until(lambda: list(club.desk.users.parked.entries()) and not client._batches.waiting)
    (entry,) = club.desk.users.parked.entries()
    assert (entry.error, entry.retry_at) == ("LookupError", None)
    assert entry.handler == "tgbot.handlers.join_requests.register.asked (greeting)"
    assert (
        "unhandled exception in tgbot.handlers.join_requests.register.asked (greeting) (update q"
        in caplog.text
    )
    assert "a name of" not in caplog.text


async def test_who_is_let_in_before_their_turn_is_not_greeted(club: Club) -> None:
    client = await club.open(a_second=2)
    asked = club.asked_by(8 + greetings.RUNNERS)
    await until(lambda: sum(club.greeted(asked)) == 1)
    last = club.desk.world.accounts[asked[-1]]
    club.desk.world.groups.decide(club.chat, last, approved=True)
    await until(lambda: not club.desk.known(last.id).join_requests)
    club.pace(1000)
    await until(lambda: not client._batches.waiting)
    assert club.greeted(asked)[-1] == 0
    assert club.greeted(asked)[:-1] == [1] * (len(asked) - 1)


async def test_approvals_that_wait_hold_up_no_greeting(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greetings, "RUNNERS", 2)
    monkeypatch.setattr(admissions, "AT_ONCE", 2)
    await club.open(a_second=1000, approve=Approve.ALWAYS)
    club.desk.faults.fail(ADMIT, 420, "FLOOD_WAIT_30", seconds=600)
    asked = club.asked_by(6)
    await until(lambda: club.greeted(asked) == [1] * 6)
    assert not set(asked) & set(club.chat.members)
