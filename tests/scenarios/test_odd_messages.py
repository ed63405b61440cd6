"""Ten thousand odd messages and updates for the running bot: nothing breaks, /start is still answered."""

from __future__ import annotations

import logging
import os
from typing import Any

import pytest

from tests.scenarios.conftest import Configure
from tests.scenarios.oddities import NAMES, Oddities
from tests.scenarios.talk import Talk, until
from tgbot.app import Bot, open_bot
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox

SEED = int(os.environ.get("TGBOT_ODD_SEED", "20"))
LIVE, MISSED = 8_000, 2_000
#: In flight at once, so that the bot takes them live instead of by a difference.
AT_ONCE = 500


class Crowd:
    """People in the sandbox who send the bot odd messages, with odd updates between them."""

    def __init__(self, sandbox: Sandbox, account: Account, seed: int) -> None:
        self.world = sandbox.world
        self.bot = account.id
        people = [self.world.new_user(NAMES[n % len(NAMES)], NAMES[n % 5]) for n in range(200)]
        self.ids = [one.id for one in people]
        self.odd = Oddities(seed, [*self.ids, 999_999, 2**40])
        view = self.world.view
        view.language_every = 3
        view.shown_min.update(self.ids[:20])
        view.left_out.update(self.ids[20:40])
        for number, one in enumerate(people[40:80]):
            one.language = ("ru", "xx", "pt-br", "")[number % 4]
            one.deleted = number % 10 == 0
            self.world.set_usernames(one.id, *(f"odd_{number}_{n}" for n in range(number % 3)))

    def act(self) -> None:
        random, odd = self.odd.random, self.odd
        if random.random() < 0.3:
            self.world.push_update(self.bot, odd.update())
        elif random.random() < 0.05:
            self.world.block(random.choice(self.ids), self.bot, blocked=random.random() < 0.5)
        else:
            fields = odd.message()
            self.world.send_as(random.choice(self.ids), self.bot, fields.pop("text"), **fields)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def caught_up(bot: Bot, crowd: Crowd) -> None:
    """Wait until the bot has handled everything in its log."""
    pts = crowd.world.state(crowd.bot)[0]

    def quiet() -> bool:
        state = bot.client.intake.mark()
        return state is not None and state.pts >= pts and not bot.client.intake.batches.inflight.unfinished()

    await until(quiet, patience=60)


@pytest.mark.timeout(240)
async def test_ten_thousand_odd_messages_and_updates_break_nothing(
    sandbox: Sandbox, account: Account, configure: Configure, person: Any, caplog: pytest.LogCaptureFixture
) -> None:
    print(f"seed {SEED} (TGBOT_ODD_SEED)")
    anna = Talk(await person("Anna"))
    crowd = Crowd(sandbox, account, SEED)
    async with open_bot(configure(admins=crowd.ids[100:130]), serve=True) as bot:
        assert (await anna.ask("/start")).startswith("Hello, Anna!")
        for _ in range(LIVE // AT_ONCE):
            for _ in range(AT_ONCE):
                crowd.act()
            await caught_up(bot, crowd)
        assert (await anna.ask("/start")).startswith("Welcome back, Anna!")
        assert bot.client.handler_errors == 0
    for _ in range(MISSED):
        crowd.act()
    async with open_bot(configure(), serve=True) as bot:
        await caught_up(bot, crowd)
        assert (await anna.ask("/start")).startswith("Welcome back, Anna!")
        assert bot.client.handler_errors == 0
        assert bot.users.count().total > 150
    assert complaints(caplog) == []
