"""The commands that /help and the menus of the apps show, in each language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from typing import Final, NamedTuple

from tgbot.locales.texts import FALLBACK, Texts
from tgbot.messaging.lengths import shortened

#: The bot's own commands, in the order in which they are shown; their texts are `command-<name>`.
OWN: Final = (
    *("start", "help", "language", "news", "stop_news", "privacy", "forget"),
    *("resolve", "whois", "check", "stats", "sweep", "broadcast", "link"),
)
#: Telegram's limits: what a command is, how long its text is in characters, how many a list has.
_NAME: Final = re.compile(r"[a-z0-9_]{1,32}")
TEXT_LENGTH: Final = 256
MOST: Final = 100


class Line(NamedTuple):
    """A command as it is shown: its name without the slash, and what it does."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"/{self.name} – {self.text}"


class _Added(NamedTuple):
    """A command of a plugin."""

    #: What it does, by language; None if that is among the texts of the plugin.
    given: Mapping[str, str] | None
    texts: Texts | None
    admins: bool


class Menu:
    """The commands that are shown: those of the bot itself that are on, then those that plugins add.

    A command is shown only; the handler that answers it is registered with the client.
    """

    def __init__(self) -> None:
        #: Where the texts are of commands that are added without any.
        self._texts: Texts | None = None
        #: Name → whether it is for admins only.
        self._own: dict[str, bool] = {}
        self._added: dict[str, _Added] = {}

    def of(self, texts: Texts) -> Menu:
        """Return this menu for somebody who has texts of their own."""
        menu = copy(self)
        menu._texts = texts
        return menu

    def offer(self, *names: str, admins: bool = False) -> None:
        """Show commands of the bot itself (`OWN`), with `admins` to the bot's admins only."""
        self._own |= dict.fromkeys(names, admins)

    def add(self, name: str, texts: str | Mapping[str, str] | None = None, *, admins: bool = False) -> None:
        """Show a command of a plugin, with `admins` to the bot's admins only.

        `texts` say what it does, by language: `{"en": "roll the dice", "ru": "бросить кости"}`, or one text
        for every language. English is needed: it is shown where a language has no text. Without `texts` the
        plugin's .ftl files have them, with the id `command-<name>`. A command of the bot itself gets the
        plugin's text. Raise ValueError for what Telegram does not accept, and where there is no text.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"the command {name!r} is not 1 to 32 of the characters a-z, 0-9 and _")
        if texts is None:
            if self._texts is None or not self._texts.has(f"command-{name}"):
                raise ValueError(f"the command {name} has no text: add command-{name} to the .ftl files")
            self._keep(name, _Added(None, self._texts, admins))
            return
        by_language = {FALLBACK: texts} if isinstance(texts, str) else dict(texts)
        if FALLBACK not in by_language:
            raise ValueError(f"the command {name} has no text in English ({FALLBACK!r})")
        for language, text in by_language.items():
            if not 0 < len(text.strip()) <= TEXT_LENGTH:
                raise ValueError(
                    f"the text of the command {name} ({language}) is empty or longer than {TEXT_LENGTH}"
                )
        self._keep(name, _Added({code: text.strip() for code, text in by_language.items()}, None, admins))

    def _keep(self, name: str, added: _Added) -> None:
        if len({*OWN, *self._added, name}) > MOST:
            raise ValueError(f"Telegram shows at most {MOST} commands")
        self._added[name] = added

    def lines(self, texts: Texts, language: str | None) -> list[Line]:
        """Return what everybody is shown, in this language."""
        return self._lines(texts, language, admins=False)

    def admin_lines(self, texts: Texts, language: str | None) -> list[Line]:
        """Return what only admins are shown, in this language."""
        return self._lines(texts, language, admins=True)

    def _lines(self, texts: Texts, language: str | None, *, admins: bool) -> list[Line]:
        own = [
            Line(name, shortened(texts.render(language, f"command-{name}"), TEXT_LENGTH))
            for name in OWN
            if name not in self._added and self._own.get(name) is admins
        ]
        added = [
            Line(name, _text_of(name, one, texts, language))
            for name, one in self._added.items()
            if one.admins is admins
        ]
        return sorted(own + added, key=_place)


def _text_of(name: str, added: _Added, texts: Texts, language: str | None) -> str:
    if added.given is not None:
        return texts.pick(language, added.given)
    assert added.texts is not None
    return shortened(added.texts.render(language, f"command-{name}"), TEXT_LENGTH)


def _place(line: Line) -> int:
    return OWN.index(line.name) if line.name in OWN else len(OWN)
