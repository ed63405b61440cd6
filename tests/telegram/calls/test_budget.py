from __future__ import annotations

import pytest
from telethon import errors
from telethon.tl import functions

from tests.telegram.calls.conftest import NoSender, Script, typing
from tests.telegram.conftest import Stage
from tgbot.store.sqlite.session import RESOLVES_A_DAY, DurableSession
from tgbot.telegram import BotClient
from tgbot.telegram.calls.call import Call, call_of
from tgbot.telegram.calls.limits import LookupBudget


class Purse(DurableSession):
    """A budget with a number of look-ups left."""

    def __init__(self, left: int) -> None:
        self.left = left

    def resolves_again_in(self) -> int:
        return 0 if self.left else 3600

    def count_resolve(self) -> None:
        self.left -= 1


def resolve() -> Call:
    return call_of(NoSender(), functions.contacts.ResolveUsernameRequest("cleo"), 60)


async def test_look_ups_are_counted_and_one_too_many_is_not_made() -> None:
    script, purse = Script(), Purse(2)
    chain = LookupBudget(script, purse)
    for _ in range(2):
        await chain.call(resolve())
    with pytest.raises(errors.FloodWaitError) as raised:
        await chain.call(resolve())
    assert raised.value.seconds == 3600
    assert len(script.requests) == 2


async def test_other_requests_cost_nothing_and_are_made_when_the_budget_is_spent() -> None:
    script, purse = Script(), Purse(0)
    await LookupBudget(script, purse).call(typing())
    assert len(script.requests) == 1
    assert purse.left == 0


async def test_the_budget_of_the_day_is_the_sessions_and_survives_a_restart(
    stage: Stage, client: BotClient
) -> None:
    stage.meet("Cleo", username="cleo")
    request = functions.contacts.ResolveUsernameRequest
    assert (await client(request("cleo"))).users[0].first_name == "Cleo"
    assert client.session.resolves_today() == 1
    for _ in range(RESOLVES_A_DAY - 1):
        client.session.count_resolve()
    with pytest.raises(errors.FloodWaitError) as raised:
        await client(request("cleo"))
    assert raised.value.seconds > 80_000
    assert stage.sandbox.calls["contacts.resolveUsername"] == 1
    await client.checkpoint()
    await stage.close(client)
    again = await stage.open()
    assert again.session.resolves_today() == RESOLVES_A_DAY
