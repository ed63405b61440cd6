"""The plugin of this bot: a command, a talk and a job."""

# Telethon has no types, so to mypy its decorators hide what they decorate.
# mypy: disable-error-code=untyped-decorator
from __future__ import annotations

from datetime import timedelta

from telethon import events
from tgbot import BotClient, Jobs, Menu, Run, Sender, Talk, Talks

PRICES = {"S": 8, "M": 10, "L": 12}


def register(client: BotClient, *, commands: Menu, talks: Talks, jobs: Jobs, sender: Sender) -> None:
    """Register all that this bot does, beside what it does without a plugin."""
    commands.add("prices", {"en": "what a pizza costs"})
    commands.add("order", {"en": "order a pizza"})

    # A handler is plain Telethon.
    @client.on(events.NewMessage(incoming=True, pattern=r"^/prices$"))
    async def prices(event: events.NewMessage.Event) -> None:
        await event.respond("\n".join(f"{size}: {price}" for size, price in PRICES.items()))

    # A talk goes on where it stood after a restart, and after a change of its code.
    @talks.on(r"^/order$", name="order")
    async def order(talk: Talk) -> None:
        size = await talk.choose("Which size?", list(PRICES), columns=3)
        street = await talk.ask("Where to?")
        price = await talk.once("price", lambda: PRICES[size])  # asked once, and kept
        await talk.say(f"{size} to {street}: {price}")
        await jobs.once(timedelta(hours=1), "rate", data=size, user_id=talk.user_id)

    # A job is kept until its time comes, whatever happens to the bot meanwhile.
    @jobs.on("rate")
    async def rate(run: Run) -> None:
        await sender.send(run.user_id, f"How was your pizza {run.data}?")
