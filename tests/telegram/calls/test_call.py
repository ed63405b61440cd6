from __future__ import annotations

import pytest
from telethon import errors
from telethon.tl import functions, types

from tests.telegram.calls.conftest import Script, typing
from tgbot.telegram import BotClient, error_name
from tgbot.telegram.calls.call import call_all
from tgbot.telegram.refusals import NoAnswerError, answer_of
from tgbot.telegram.wire.reading import UnreadableError


@pytest.mark.parametrize("ordered", [True, False])
async def test_answers_come_in_the_order_of_the_requests(ordered: bool) -> None:
    assert await call_all(Script(1, 2, 3), [typing()] * 3, ordered=ordered) == [1, 2, 3]


@pytest.mark.parametrize("ordered", [True, False])
async def test_one_refusal_does_not_hide_the_other_answers(ordered: bool) -> None:
    script = Script(1, errors.UserIsBlockedError(None), 3)
    calls = [typing(), typing(6), typing()]
    with pytest.raises(errors.MultiError) as raised:
        await call_all(script, calls, ordered=ordered)
    assert raised.value.results == [1, None, 3]
    assert [error and error_name(error) for error in raised.value.exceptions] == [
        None,
        "USER_IS_BLOCKED",
        None,
    ]
    assert raised.value.requests == [call.request for call in calls]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("failed", [NoAnswerError("X"), UnreadableError("X")])
async def test_an_answer_that_never_comes_or_cannot_be_read_does_not_hide_the_others(
    ordered: bool, failed: Exception
) -> None:
    with pytest.raises(errors.MultiError) as raised:
        await call_all(Script(1, failed, 3), [typing()] * 3, ordered=ordered)
    assert raised.value.results == [1, None, 3]
    assert answer_of(raised.value) is answer_of(failed)


@pytest.mark.parametrize("ordered", [True, False])
async def test_an_error_that_is_not_telegrams_is_raised_as_it_is(ordered: bool) -> None:
    with pytest.raises(ConnectionResetError):
        await call_all(Script(1, ConnectionResetError()), [typing()] * 2, ordered=ordered)


async def test_a_list_of_requests_is_answered_on_the_wire(client: BotClient) -> None:
    good = functions.users.GetUsersRequest([types.InputUserSelf()])
    bad = functions.contacts.ResolveUsernameRequest("nobody_has_this")
    first, second = await client([good, good])
    assert first[0].id == second[0].id == client.me.id
    with pytest.raises(errors.MultiError) as raised:
        await client([good, bad], ordered=True)
    assert error_name(raised.value.exceptions[1]) == "USERNAME_NOT_OCCUPIED"
