"""A plugin: a menu by buttons, `/menu`, whose message changes with each press.

    [bot]
    plugins = ["examples.menu"]

All that the bot needs to know is in the bytes of the buttons, so old messages work after a restart, too.
"""

# Telethon has no types, so to mypy its decorators hide what they decorate.
# mypy: disable-error-code=untyped-decorator
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from telethon import Button, TelegramClient, events

from tgbot.messaging.menu import Menu

CARD: Mapping[str, Mapping[str, str]] = {
    "Coffee": {"Espresso": "2.20", "Cappuccino": "3.10"},
    "Cake": {"Apple": "3.50", "Poppy seed": "3.80"},
}
#: What the bytes of a button say: the menu, or one of its parts. An app can send any bytes.
SHOW = re.compile(rb"menu:([\w ]*)")


def page(part: str) -> tuple[str, list[list[Any]]]:  # Any: buttons of Telethon's
    """Return the text and the buttons of a part of the menu, "" for all of it."""
    if part not in CARD:
        return "What would you like?", [[Button.inline(name, f"menu:{name}")] for name in CARD]
    prices = [f"{name} – {price} €" for name, price in CARD[part].items()]
    return "\n".join([part, "", *prices]), [[Button.inline("Back", "menu:")]]


def register(client: TelegramClient, *, commands: Menu) -> None:
    """Register the command and its buttons."""
    commands.add("menu", {"en": "what we have", "ru": "что у нас есть"})

    @client.on(events.NewMessage(pattern=r"^/menu$", incoming=True))
    async def menu(event: events.NewMessage.Event) -> None:
        text, buttons = page("")
        await event.respond(text, buttons=buttons)

    @client.on(events.CallbackQuery(data=lambda data: SHOW.fullmatch(data)))
    async def show(event: events.CallbackQuery.Event) -> None:
        text, buttons = page(event.data_match[1].decode())
        await event.answer()
        await event.edit(text, buttons=buttons)
