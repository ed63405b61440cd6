from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from telethon.tl import functions, types

from tests.telegram.calls.conftest import SEND
from tests.telegram.conftest import PATIENCE, Stage, echo, until
from tgbot.telegram import BotClient
from tgbot.telegram.calls import unanswered
from tgbot.telegram.calls.unanswered import MAX_TRIES, Open, Unanswered, rules_of
from tgbot.telegram.refusals import Answer, NoAnswerError, answer_of

STATE = functions.updates.GetStateRequest
TYPING = functions.messages.SetTypingRequest


class Line:
    """Requests over a link that a test ends and renews."""

    def __init__(self) -> None:
        self.up = True
        self.renewed = 0
        self.unanswered = Unanswered(renew=self._renew, is_up=lambda: self.up)

    def _renew(self) -> None:
        self.renewed += 1
        self.unanswered.link_ended()

    def ask(self, kind: Any = TYPING) -> Open:
        return self.unanswered.add(asyncio.get_running_loop().create_future(), kind)

    def answer(self, made: Open) -> None:
        made.future.set_result(True)
        self.unanswered.drop(made)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / unanswered.TICK_SECONDS)):
            self.unanswered.look()


@pytest.fixture
async def line() -> Line:
    return Line()


async def test_a_request_is_late_after_its_limit_and_is_given_up_after_three_links(line: Line) -> None:
    made = line.ask()
    line.pass_time(9.5)
    assert line.renewed == 0
    line.pass_time(0.5)
    assert line.renewed == 1
    line.pass_time(19.5)
    assert not made.given_up
    line.pass_time(0.5)
    assert made.given_up
    assert made.future.cancelled()
    assert line.renewed == MAX_TRIES


async def test_what_is_repeated_elsewhere_is_given_up_at_once(line: Line) -> None:
    made = line.ask(STATE)
    line.pass_time(10)
    assert made.given_up
    assert line.renewed == 1


async def test_a_channel_whose_difference_is_never_answered_costs_nobody_the_link(line: Line) -> None:
    made = line.ask(functions.updates.GetChannelDifferenceRequest)
    line.pass_time(15)
    assert made.given_up
    assert line.renewed == 0


async def test_a_tick_without_a_link_does_not_count(line: Line) -> None:
    line.ask()
    line.up = False
    line.pass_time(600)
    line.up = True
    line.pass_time(9.5)
    assert line.renewed == 0


async def test_a_request_that_waits_for_its_turn_is_not_late(line: Line) -> None:
    asked = [line.ask() for _ in range(100)]
    for made in asked:
        line.pass_time(1)
        line.answer(made)
    assert line.renewed == 0


async def test_what_waits_behind_a_part_of_a_file_is_not_late_before_that(line: Line) -> None:
    part = line.ask(functions.upload.SaveBigFilePartRequest)
    line.ask()
    line.pass_time(40)
    assert line.renewed == 0
    line.answer(part)
    line.pass_time(10)
    assert line.renewed == 0
    line.pass_time(0.5)
    assert line.renewed == 1


async def test_a_part_of_a_file_that_was_asked_for_later_is_no_excuse(line: Line) -> None:
    line.ask()
    line.ask(functions.upload.GetFileRequest)
    line.pass_time(10)
    assert line.renewed == 1


async def test_a_request_that_was_passed_over_is_late(line: Line) -> None:
    line.ask()
    for _ in range(10):
        line.pass_time(1)
        line.answer(line.ask())
    assert line.renewed == 1


async def test_all_that_is_open_has_its_whole_time_over_the_fresh_link(line: Line) -> None:
    line.ask()
    line.pass_time(5)
    second = line.ask()
    line.pass_time(5)
    assert line.renewed == 1
    line.pass_time(9.5)
    assert line.renewed == 1
    assert second.tries_left == MAX_TRIES


async def test_a_request_during_which_two_links_end_is_held_back(line: Line) -> None:
    made = line.ask()
    line.unanswered.link_ended()
    assert not made.future.cancelled()
    line.unanswered.link_ended()
    assert made.held_back
    assert made.future.cancelled()


async def test_a_caller_that_gave_up_answers_nothing(line: Line) -> None:
    line.ask()
    for _ in range(20):
        made = line.ask()
        made.future.cancel()
        line.unanswered.drop(made)
        line.pass_time(0.5)
    assert line.renewed == 1


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        (functions.messages.SendMessageRequest, 10),
        (functions.updates.GetStateRequest, 10),
        (functions.updates.GetDifferenceRequest, 15),
        (functions.updates.GetChannelDifferenceRequest, 15),
        (functions.upload.SaveFilePartRequest, 60),
        (functions.upload.GetFileRequest, 60),
        (functions.messages.SendMediaRequest, 60),
        (functions.photos.UploadProfilePhotoRequest, 60),
    ],
)
def test_how_long_a_request_may_take(kind: Any, seconds: float) -> None:
    assert rules_of(kind).limit == seconds


def test_a_limit_counts_as_it_stands_and_not_as_it_was_at_the_first_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rules = rules_of(functions.messages.SendMessageRequest)
    monkeypatch.setattr(unanswered, "LIMIT_SECONDS", 3.0)
    assert rules.limit == rules_of(functions.messages.SendMessageRequest).limit == 3


# ---- on the wire --------------------------------------------------------------------------------


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("after", [True, False])
async def test_a_send_that_is_never_answered_goes_again_over_a_fresh_link_once(
    stage: Stage, client: BotClient, ann: int, after: bool
) -> None:
    links = client._link_state.links
    stage.faults.silence(SEND, after=after)
    async with asyncio.timeout(PATIENCE):
        message = await client.send_message(ann, "hi")
    assert stage.heard(ann) == ["hi"]
    dialog = stage.world.accounts[stage.account.id].box.dialogs[ann]
    assert message.id == dialog.ids[-1]
    assert client._link_state.links == links + 1


@pytest.mark.usefixtures("hasty")
async def test_a_request_that_is_never_answered_ends_with_an_error_that_names_only_its_method(
    stage: Stage, client: BotClient, ann: int
) -> None:
    stage.faults.silence(SEND, times=99)
    with pytest.raises(NoAnswerError) as raised:
        async with asyncio.timeout(PATIENCE):
            await client.send_message(ann, "planted")
    assert str(raised.value) == "Telegram did not answer SendMessageRequest in time"
    assert answer_of(raised.value) is Answer.LATER
    assert stage.sandbox.calls[SEND] == MAX_TRIES
    await client(STATE())
    # What was given up does not go out again with the next link.
    links = client._link_state.links
    client._link_state.renew("a test wants it")
    await until(lambda: client._link_state.links > links)
    await client(STATE())
    assert stage.sandbox.calls[SEND] == MAX_TRIES


@pytest.mark.usefixtures("hasty")
async def test_others_are_answered_while_one_request_is_not(stage: Stage) -> None:
    ann, bob = stage.meet("Ann"), stage.meet("Bob")
    await stage.open(echo)

    def heard_all(count: int) -> bool:
        return len(stage.heard(bob)) == count

    stage.faults.silence(SEND, peer=ann)
    stage.write(ann, "one")
    await until(lambda: stage.sandbox.calls[SEND])
    for number in range(20):
        stage.write(bob, str(number))
        await until(partial(heard_all, number + 1))
    await until(lambda: stage.heard(ann) == ["you said one"])


async def test_eight_thousand_requests_at_once_may_take_their_time(
    client: BotClient, ann: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unanswered, "TICK_SECONDS", 0.005)
    monkeypatch.setattr(unanswered, "LIMIT_SECONDS", 0.1)
    links = client._link_state.links
    peer = await client.get_input_entity(ann)
    action = types.SendMessageTypingAction()
    answers = await asyncio.gather(*(client(TYPING(peer, action)) for _ in range(8000)))
    assert all(answers)
    assert client._link_state.links == links


@pytest.mark.usefixtures("hasty")
async def test_a_state_that_is_never_answered_is_left_to_who_wants_it_over_a_fresh_link(
    stage: Stage, client: BotClient
) -> None:
    asked, links = stage.sandbox.calls["updates.getState"], client._link_state.links
    stage.faults.silence("updates.getState")
    with pytest.raises(NoAnswerError):
        async with asyncio.timeout(PATIENCE):
            await client(STATE())
    await until(lambda: client.connected)
    assert client._link_state.links == links + 1
    assert (await client(STATE())).pts
    assert stage.sandbox.calls["updates.getState"] == asked + 2


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("method", ["auth.importBotAuthorization", "users.getUsers"])
async def test_a_request_of_a_login_that_is_never_answered_is_made_again(stage: Stage, method: str) -> None:
    stage.faults.silence(method)
    client = await stage.open()
    assert client.me.id == stage.account.id
