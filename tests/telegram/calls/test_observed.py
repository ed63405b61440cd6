from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from telethon import errors
from telethon.tl import functions, types

from tests.telegram.calls.conftest import SEND, NoSender, Script, typing
from tests.telegram.calls.conftest import message as sending
from tests.telegram.conftest import Recorder, Stage, until
from tgbot.telegram.calls.call import call_of
from tgbot.telegram.calls.observed import Observed
from tgbot.telegram.refusals import NoAnswerError
from tgbot.telegram.wire.reading import UnreadableError


class Notes:
    """Write down outcomes and peers."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, int, str | None, int]] = []
        self.peers: list[tuple[list[int], list[int], str]] = []

    def outcome(self, request: Any, user_id: int, error_name: str | None, at: int) -> None:
        self.outcomes.append((type(request).__name__, user_id, error_name, at))

    def remember(self, users: Sequence[Any], chats: Sequence[Any], source: str) -> None:
        self.peers.append(([user.id for user in users], [chat.id for chat in chats], source))


def observed(notes: Any, *answers: Any) -> Observed:
    return Observed(Script(*answers), notes, notes, lambda: 1000)


async def test_the_outcome_of_a_request_about_a_private_user_is_reported() -> None:
    notes = Notes()
    chain = observed(notes, True, errors.UserIsBlockedError(None))
    await chain.call(typing(5))
    with pytest.raises(errors.UserIsBlockedError):
        await chain.call(typing(6))
    assert notes.outcomes == [
        ("SetTypingRequest", 5, None, 1000),
        ("SetTypingRequest", 6, "USER_IS_BLOCKED", 1000),
    ]


@pytest.mark.parametrize(
    "error",
    [
        errors.FloodWaitError(None, 30),
        errors.SlowModeWaitError(None, 30),
        errors.ServerError(None, "INTERNAL", 500),
        errors.RandomIdDuplicateError(None),
        errors.TimedOutError(None, "TIMEOUT", 503),
        errors.UserMigrateError(None, 4),
        errors.AuthKeyUnregisteredError(None),
        errors.RPCError(None, "SOMETHING_NEW", 502),
        ConnectionResetError(),
        NoAnswerError("SetTypingRequest"),
        UnreadableError("SetTypingRequest"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_error_that_says_nothing_about_the_user_is_no_outcome(error: Exception) -> None:
    notes = Notes()
    with pytest.raises(type(error)):
        await observed(notes, error).call(typing())
    assert notes.outcomes == []


async def test_a_repeated_send_that_gets_the_earlier_message_says_nothing_about_the_user() -> None:
    notes = Notes()
    message = types.Message(7, types.PeerUser(5), message="hi", date=None, out=True)
    first = types.Updates(
        [types.UpdateMessageID(7, 1), types.UpdateNewMessage(message, 9, 1)], [], [], None, 0
    )
    again = types.Updates(
        [types.UpdateMessageID(7, 1), types.UpdateNewMessage(message, 9, 0)], [], [], None, 0
    )
    deleted = types.Updates([types.UpdateMessageID(7, 1)], [], [], None, 0)
    chain = observed(notes, first, again, deleted)
    for _ in range(3):
        await chain.call(sending(5))
    assert len(notes.outcomes) == 1


async def test_requests_about_nobody_and_about_groups_have_no_outcome() -> None:
    notes = Notes()
    chain = observed(notes, True, errors.ChatWriteForbiddenError(None))
    await chain.call(call_of(NoSender(), functions.updates.GetStateRequest(), 60))
    request = functions.messages.SetTypingRequest(types.InputPeerChat(8), types.SendMessageTypingAction())
    with pytest.raises(errors.ChatWriteForbiddenError):
        await chain.call(call_of(NoSender(), request, 60))
    assert notes.outcomes == []


async def test_the_users_of_an_answer_are_remembered_but_not_those_of_a_difference() -> None:
    notes = Notes()
    ann = types.User(5, access_hash=1, first_name="Ann")
    state = types.updates.State(1, 1, None, 1, 0)
    chain = observed(
        notes,
        types.contacts.ResolvedPeer(types.PeerUser(5), [], [ann]),
        [ann],
        types.updates.Difference([], [], [], [], [ann], state),
    )
    await chain.call(call_of(NoSender(), functions.contacts.ResolveUsernameRequest("ann"), 60))
    await chain.call(call_of(NoSender(), functions.users.GetUsersRequest([]), 60))
    await chain.call(call_of(NoSender(), functions.updates.GetDifferenceRequest(1, None, 1), 60))
    assert notes.peers == [([5], [], "ResolveUsernameRequest"), ([5], [], "GetUsersRequest")]


# ---- on the wire --------------------------------------------------------------------------------


async def test_an_outcome_has_telegrams_time_when_the_last_attempt_was_sent(stage: Stage, ann: int) -> None:
    now = [1_000]
    reported: list[tuple[str | None, int]] = []

    class Clock:
        def __call__(self) -> int:
            return now[0]

        def note(self, date: Any) -> None: ...

        def note_unix(self, seconds: float) -> None: ...

    class Outcomes(Recorder):
        def outcome(self, request: Any, user_id: int, error_name: str | None, at: int) -> None:
            reported.append((error_name, at))

    client = await stage.open(lambda _: None, listener=Outcomes(stage), server_time=Clock())
    stage.write(ann, "hello")
    await until(lambda: stage.finished)
    stage.faults.delay(0.3, SEND)
    sending = asyncio.create_task(client.send_message(ann, "hi"))
    await until(lambda: stage.heard(ann))
    now[0] = 2_000  # what happens from here on is later than the request, whatever its answer says
    await sending
    stage.world.block(ann, stage.account.id)
    with pytest.raises(errors.UserIsBlockedError):
        await client.send_message(ann, "hi")
    assert reported == [(None, 1_000), ("USER_IS_BLOCKED", 2_000)]


async def test_whoever_an_answer_names_is_remembered(stage: Stage) -> None:
    client = await stage.open()
    cleo = stage.meet("Cleo", username="cleo")
    await client(functions.contacts.ResolveUsernameRequest("cleo"))
    row = client.session.username("cleo")
    assert row is not None
    assert row.marked_id == cleo
    assert ([cleo], "ResolveUsernameRequest") in stage.seen
