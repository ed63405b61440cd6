"""A talk: an order by questions, which goes on where it stood after a restart, a kill or a new version.

[bot]
plugins = ["examples.order"]
"""

from __future__ import annotations

from datetime import timedelta

from telethon import TelegramClient

from tgbot.messaging.menu import Menu
from tgbot.plugins.talks import Talk, TalkExpired, Talks

PRICES = {"S": 8, "M": 10, "L": 12}


async def quote(size: str) -> int:
    """Return the price of a pizza; a shop would ask its till."""
    return PRICES[size]


def is_street(text: str) -> str:
    """Return a street without spaces around it; raise ValueError if it has no number."""
    if not any(character.isdigit() for character in text):
        raise ValueError
    return text.strip()


def register(client: TelegramClient, *, talks: Talks, commands: Menu) -> None:
    """Register the talk, and show its command in /help and in the menu."""
    commands.add("order", {"en": "order a pizza", "ru": "заказать пиццу"})

    @talks.on(r"^/order$", name="order")
    async def order(talk: Talk) -> None:
        size = await talk.choose("Which size?", ["S", "M", "L"], columns=3)
        photo = await picture(talk) if await talk.choose("A picture on it?", ["Yes", "No"]) == "Yes" else ""
        try:
            street = await talk.ask(
                "Where to?",
                check=is_street,
                again="With the number of the house, please.",
                until=timedelta(hours=2),
            )
        except TalkExpired:
            await talk.say("The kitchen is closed now. Come back tomorrow!")
            return
        price = await talk.once("price", lambda: quote(size))  # asked once, and kept
        await talk.say(f"{size}{photo} to {street}: {price}")


async def picture(talk: Talk) -> str:
    """Ask for a picture; a talk may be written in several functions."""
    photo = await talk.ask_photo("Send me the picture.")
    await photo.reply("A beautiful one!")
    return " with a picture"
