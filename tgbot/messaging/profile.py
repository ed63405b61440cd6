"""The bot's profile at Telegram: command lists, about and description, in each language of the texts."""

from __future__ import annotations

import logging
import re
from collections.abc import Coroutine, Iterable
from typing import Final

from telethon import errors
from telethon.tl import functions, types

from tgbot.locales.texts import FALLBACK, Texts
from tgbot.telegram import BotClient, error_name
from tgbot.telegram.refusals import answer_of

log = logging.getLogger(__name__)

#: The commands for everybody, and those that only admins have; their texts are `command-<name>`.
COMMANDS: Final = ("start", "help", "language", "privacy", "forget")
ADMIN_COMMANDS: Final = ("resolve", "whois", "check", "stats", "link")
#: Telegram's limits, in characters.
ABOUT_LENGTH: Final = 120
DESCRIPTION_LENGTH: Final = 512


class Profile:
    """Compares what Telegram shows of the bot with the texts, and sets what differs.

    Telegram shows the English texts to everybody whose language has none. An empty text leaves what the
    profile has. The bot's name is never changed: it is set at BotFather.
    """

    def __init__(self, client: BotClient, texts: Texts, admins: Iterable[int]) -> None:
        self._client = client
        self._texts = texts
        self._admins = tuple(admins)

    async def show(self) -> int:
        """Bring the profile up to date and return how many calls failed: each is logged, none is raised.

        A second run sets nothing. An admin gets a list of commands of their own once they have written to
        the bot.
        """
        lists: list[tuple[types.TypeBotCommandScope, tuple[str, ...], str]]
        lists = [(types.BotCommandScopeDefault(), COMMANDS, "commands")]
        for admin in self._admins:
            access_hash = self._client.session.access_hash(admin)
            if access_hash is not None:
                scope = types.BotCommandScopePeer(types.InputPeerUser(admin, access_hash))
                lists.append((scope, COMMANDS + ADMIN_COMMANDS, f"commands of admin {admin}"))
        failures = 0
        for language in self._texts.languages:
            code = "" if language == FALLBACK else language
            if code and not re.fullmatch("[a-z]{2,3}", code):
                continue  # a dialect: Telegram shows the texts of its language
            failures += await self._tried(self._set_texts(language, code), "about and description")
            for scope, names, what in lists:
                failures += await self._tried(self._set_commands(scope, language, code, names), what)
        return failures

    async def _tried(self, work: Coroutine[object, object, None], what: str) -> bool:
        try:
            await work
        except Exception as error:
            if answer_of(error) is None:
                raise
            name = error_name(error) if isinstance(error, errors.RPCError) else type(error).__name__
            log.warning("the bot's profile: %s cannot be brought up to date: %s", what, name)
            return True
        return False

    async def _set_texts(self, language: str, code: str) -> None:
        shown = await self._client(functions.bots.GetBotInfoRequest(lang_code=code))
        wanted = {
            "about": self._texts.render(language, "profile-about")[:ABOUT_LENGTH],
            "description": self._texts.render(language, "profile-description")[:DESCRIPTION_LENGTH],
        }
        changed = {name: text for name, text in wanted.items() if text and text != getattr(shown, name)}
        if changed:
            await self._client(functions.bots.SetBotInfoRequest(lang_code=code, **changed))
            log.info("the bot's profile has a new %s (%s)", " and ".join(changed), language)

    async def _set_commands(
        self, scope: types.TypeBotCommandScope, language: str, code: str, names: Iterable[str]
    ) -> None:
        wanted = [(name, self._texts.render(language, f"command-{name}")) for name in names]
        shown = await self._client(functions.bots.GetBotCommandsRequest(scope, code))
        if [(one.command, one.description) for one in shown] != wanted:
            commands = [types.BotCommand(*one) for one in wanted]
            await self._client(functions.bots.SetBotCommandsRequest(scope, code, commands))
            log.info("the bot's profile has a new command list (%s)", language)
