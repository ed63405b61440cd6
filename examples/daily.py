"""A plugin: at nine each morning a broadcast with the tip of the day; `/tip` shows it at any time.

    [bot]
    plugins = ["examples.daily"]

A run that a kill cut off comes again with the same `run.planned`. That is in the name of its broadcast, so
there is one broadcast.
"""

# Telethon has no types, so to mypy its decorators hide what they decorate.
# mypy: disable-error-code=untyped-decorator
from __future__ import annotations

from collections.abc import Callable

from telethon import TelegramClient, events

from tgbot.core.broadcasts import State
from tgbot.messaging.broadcast.broadcasts import Broadcasts
from tgbot.messaging.broadcast.drafts import text_content
from tgbot.messaging.menu import Menu
from tgbot.plugins.jobs import Jobs, Run

TIPS = (
    "Drink a glass of water before the first coffee.",
    "Write down the one thing that must be done today.",
    "Call somebody you have not heard for a year.",
)


def tip_of(moment: float) -> str:
    """Return the tip of the day that a moment is in."""
    return TIPS[int(moment) // 86_400 % len(TIPS)]


def register(
    client: TelegramClient, *, jobs: Jobs, broadcasts: Broadcasts, commands: Menu, clock: Callable[[], float]
) -> None:
    """Register the job and the command."""
    commands.add("tip", {"en": "the tip of the day", "ru": "совет дня"})

    @jobs.every("09:00", zone="Europe/Berlin")
    async def morning(run: Run) -> None:
        name = f"tip {run.planned}"
        made = [one for one in broadcasts.all() if one.name == name]
        tip = made[0] if made else await broadcasts.create({"": text_content(tip_of(run.planned))}, name=name)
        if tip.state is State.DRAFT:
            await broadcasts.start(tip.id)

    @client.on(events.NewMessage(pattern=r"^/tip$"))
    async def show(event: events.NewMessage.Event) -> None:
        await event.respond(tip_of(clock()))
