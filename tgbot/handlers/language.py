"""`/language`: everybody chooses the language in which the bot speaks to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from telethon import Button

from tgbot.core.users import User, UserRegistry
from tgbot.handlers.commands import acknowledge, on_command, on_press, show_instead
from tgbot.handlers.wording import language_of
from tgbot.locales.texts import FALLBACK, Texts
from tgbot.messaging.sender import Sender

#: The button's bytes: this and a language, or nothing for the language of the app.
_DATA = b"language:"


def register(
    client: Any,
    *,
    users: UserRegistry,
    sender: Sender,
    texts: Texts,
    checkpoint: Callable[[], Awaitable[None]],
    **_: Any,
) -> None:
    """Registers the command and its buttons; a choice is on disk before the bot says that it holds."""

    def menu(user: User | None, language: str | None) -> tuple[str, Any]:
        chosen = user.chosen_language if user is not None else None
        # The mark is for the language that the choice leads to now, which may be another than was chosen.
        marked = texts.choose(chosen) if chosen else ""
        rows = [[_button(name_of(texts, code), code, code == marked)] for code in texts.languages]
        rows.append([_button(texts.render(language, "language-app"), "", not chosen)])
        return texts.render(language, "language-choose"), rows

    async def ask(event: Any, user: User | None, language: str | None) -> None:
        text, markup = menu(user, language)
        await sender.answer(event, text, buttons=markup)

    async def choose(event: Any, user: User | None, language: str | None) -> None:
        code = event.pattern_match[1].decode()
        if code and code not in texts.languages:
            await acknowledge(event, texts.render(language, "language-gone"))
            return
        user = users.choose_language(event.sender_id, code or None)
        await checkpoint()
        language = language_of(user)
        text, markup = menu(user, language)
        await show_instead(event, await event.get_input_chat(), text, buttons=markup)
        await acknowledge(event, texts.render(language, "language-chosen"))

    on_command(client, users, "language", ask)
    on_press(client, users, rb"^" + _DATA + rb"([A-Za-z0-9-]*)$", choose)


def name_of(texts: Texts, code: str) -> str:
    """A language's own name; its code where its texts do not tell."""
    name = texts.render(code, "language-name")
    return code if code != FALLBACK and name == texts.render(FALLBACK, "language-name") else name


def _button(name: str, code: str, marked: bool) -> Any:
    return Button.inline(("✓ " if marked else "") + name, _DATA + code.encode())
