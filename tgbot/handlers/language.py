"""`/language`: everybody chooses the language in which the bot speaks to them."""

from __future__ import annotations

from telethon import Button, events
from telethon.tl import types

from tgbot.core.commands import Command
from tgbot.core.users import User
from tgbot.handlers.commands import acknowledge, on_command, on_press, peer_of, show_instead
from tgbot.handlers.wording import Words
from tgbot.locales.texts import FALLBACK, Texts
from tgbot.plugins.parts import Parts

#: The button's bytes: this and a language, or nothing for the language of the app.
_DATA = b"language:"


def register(parts: Parts) -> None:
    """Register the command and its buttons; a choice is on disk before the bot confirms it."""
    texts = parts.texts

    def menu(user: User | None, say: Words) -> tuple[str, list[list[types.TypeKeyboardButton]]]:
        chosen = user.chosen_language if user is not None else None
        # The mark is at the language that the choice leads to now, which may be another one than was chosen.
        marked = texts.choose(chosen) if chosen else ""
        rows = [[_button(name_of(texts, code), code, code == marked)] for code in texts.languages]
        rows.append([_button(say("language-app"), "", not chosen)])
        return say("language-choose"), rows

    async def ask(event: events.NewMessage.Event, command: Command, user: User | None, say: Words) -> None:
        text, buttons = menu(user, say)
        await parts.sender.answer(event, text, buttons=buttons)

    async def choose(event: events.CallbackQuery.Event, code: str, user: User | None, say: Words) -> None:
        if code and texts.find(code) is None:
            await acknowledge(event, say("language-gone"))
            return
        user = parts.users.choose_language(event.sender_id, code or None)
        await parts.checkpoint()
        say = Words.to(texts, user)
        text, buttons = menu(user, say)
        await show_instead(event, peer_of(event), text, notice=say("language-chosen"), buttons=buttons)

    on_command(parts, ("language",), ask)
    on_press(parts, _DATA + rb"([A-Za-z0-9-]*)", choose)


def name_of(texts: Texts, code: str) -> str:
    """Return a language's own name; its code if its texts have no name."""
    name = texts.render(code, "language-name")
    return code if code != FALLBACK and name == texts.render(FALLBACK, "language-name") else name


def _button(name: str, code: str, marked: bool) -> types.TypeKeyboardButton:
    return Button.inline(("✓ " if marked else "") + name, _DATA + code.encode())
