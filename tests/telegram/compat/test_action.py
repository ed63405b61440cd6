from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from telethon import errors
from telethon.tl import types

from tests.telegram.conftest import Stage, until
from tgbot.sandbox.faults.damage import Damage
from tgbot.telegram import BotClient
from tgbot.telegram.compat.action import ChatAction

SET_TYPING = "messages.setTyping"


@pytest.fixture
async def ann(stage: Stage) -> int:
    """A person whom the bot knows."""
    return stage.meet()


@pytest.fixture
async def client(stage: Stage, ann: int) -> BotClient:
    client = await stage.open(lambda _: None)
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    return client


async def test_the_probe_of_a_reachable_user_is_exactly_one_request(
    stage: Stage, client: BotClient, ann: int
) -> None:
    async with client.action(ann, "typing"):
        pass
    await client.get_me()  # a forgotten task would have sent another one before this
    assert stage.sandbox.calls[SET_TYPING] == 1
    assert stage.outcomes == [("SetTypingRequest", ann, None)]


async def test_the_probe_of_a_user_who_blocked_the_bot_raises_on_entering_after_one_request(
    stage: Stage, client: BotClient, ann: int
) -> None:
    stage.world.block(ann, stage.account.id)
    entered = False
    with pytest.raises(errors.UserIsBlockedError):
        async with client.action(ann, "typing"):
            entered = True
    assert not entered
    assert stage.sandbox.calls[SET_TYPING] == 1
    assert stage.outcomes == [("SetTypingRequest", ann, "USER_IS_BLOCKED")]


async def test_a_longer_body_shows_the_action_again_and_takes_it_back(
    stage: Stage, client: BotClient, ann: int
) -> None:
    async with client.action(ann, "typing", delay=0.02):
        await until(lambda: stage.sandbox.calls[SET_TYPING] >= 3)
        shown = stage.sandbox.calls[SET_TYPING]
    assert stage.sandbox.calls[SET_TYPING] - shown in (1, 2)  # the taking back, and one that was on its way
    taken_back = stage.sandbox.calls[SET_TYPING]
    await client.get_me()
    assert stage.sandbox.calls[SET_TYPING] == taken_back


async def test_an_action_that_is_not_to_be_taken_back_is_not(
    stage: Stage, client: BotClient, ann: int
) -> None:
    async with client.action(ann, "typing", auto_cancel=False):
        await asyncio.sleep(0.01)
    assert stage.sandbox.calls[SET_TYPING] == 1


async def test_an_error_of_the_body_is_not_hidden_by_one_of_taking_the_action_back(
    stage: Stage, client: BotClient, ann: int
) -> None:

    async def fail() -> None:
        async with client.action(ann, "typing"):
            await asyncio.sleep(0.01)
            stage.world.block(ann, stage.account.id)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert stage.sandbox.calls[SET_TYPING] == 2


async def test_a_body_whose_user_blocks_the_bot_meanwhile_ends_without_an_error(
    stage: Stage, client: BotClient, ann: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with client.action(ann, "typing", delay=0.01):
        stage.world.block(ann, stage.account.id)
        await until(lambda: ("SetTypingRequest", ann, "USER_IS_BLOCKED") in stage.outcomes)
    assert caplog.records == []


async def test_the_action_cancel_is_a_request_as_with_telethon(
    stage: Stage, client: BotClient, ann: int
) -> None:
    made: Any = client.action(ann, "cancel")
    assert not isinstance(made, ChatAction)
    await made
    assert stage.sandbox.calls[SET_TYPING] == 1


async def test_the_handbooks_probe_works_in_a_handler(stage: Stage, client: BotClient, ann: int) -> None:
    from telethon import events

    answers: list[str] = []

    @client.on(events.NewMessage())  # type: ignore[untyped-decorator] # Telethon is untyped
    async def probe(event: Any) -> None:
        try:
            async with client.action(ann, "typing"):
                pass
        except errors.UserIsBlockedError:
            answers.append("blocked")
        else:
            answers.append("reachable")

    bob = stage.meet("Bob")
    stage.write(bob, "probe")
    await until(lambda: answers == ["reachable"])
    stage.world.block(ann, stage.account.id)
    stage.write(bob, "probe")
    await until(lambda: answers == ["reachable", "blocked"])


@pytest.mark.parametrize(
    ("given", "action"),
    [
        ("typing", types.SendMessageTypingAction()),
        ("Record-Voice", types.SendMessageRecordAudioAction()),
        ("file", types.SendMessageUploadDocumentAction(1)),
        (types.SendMessageUploadPhotoAction(7), types.SendMessageUploadPhotoAction(7)),
    ],
)
async def test_an_action_is_given_by_a_name_of_telethons_or_as_it_is(
    client: BotClient, given: Any, action: Any
) -> None:
    assert client.action(5, given).action == action


@pytest.mark.parametrize("given", ["dancing", types.SendMessageTypingAction, types.PeerUser(1), 5])
async def test_anything_else_than_an_action_is_refused(client: BotClient, given: Any) -> None:
    with pytest.raises(ValueError, match=r"action|instance"):
        client.action(5, given)


async def test_the_progress_of_an_upload_is_shown_in_percent(client: BotClient, ann: int) -> None:
    async with client.action(ann, "document") as action:
        action.progress(1, 3)
        assert action.action.progress == 33
        assert client.action(ann, "document").action.progress == 1
    async with client.action(ann, "typing") as action:
        action.progress(1, 3)  # as with Telethon, nothing to show it in


@pytest.mark.parametrize("damage", list(Damage))
async def test_what_becomes_of_taking_an_action_back_does_not_hide_how_the_body_ended(
    stage: Stage, client: BotClient, ann: int, damage: Damage
) -> None:
    async def body() -> None:
        async with client.action(ann, "typing"):
            await asyncio.sleep(0.01)
            stage.faults.garble_answers(SET_TYPING, damage)
            raise LookupError

    with pytest.raises(LookupError):
        await body()
    assert stage.sandbox.calls[SET_TYPING] == 2
