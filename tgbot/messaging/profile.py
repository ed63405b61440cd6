"""What the bot's profile shows: command lists, about and description, in each language of the texts."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any, Final

from telethon import errors
from telethon.tl import functions, types

from tgbot.locales.texts import FALLBACK, Texts
from tgbot.messaging.sender import error_name

log = logging.getLogger(__name__)

#: Commands of everybody, and those that admins have besides; their texts are `command-<name>`.
COMMANDS: Final = ("start", "help", "language", "privacy", "forget")
ADMIN_COMMANDS: Final = ("resolve", "whois", "check", "stats", "link")
#: Telegram's limits, in characters.
ABOUT_LENGTH: Final = 120
DESCRIPTION_LENGTH: Final = 512
#: Languages that a profile can have texts in, as Telegram names them.
_CODE: Final = re.compile(r"[a-z]{2,3}")


class Profile:
    """Compares what Telegram shows of the bot with the texts, and sets what differs.

    English is what Telegram shows to everybody whose language has no texts. An empty text leaves what the
    profile has. The bot's name is BotFather's.
    """

    def __init__(self, client: Any, texts: Texts, admins: Iterable[int]) -> None:
        self._client = client
        self._texts = texts
        self._admins = tuple(admins)

    async def show(self) -> int:
        """Brings the profile up to date and returns how many calls failed: each is logged, none is raised.

        A second run sets nothing. An admin who never wrote to the bot has no list of their own yet.
        """
        failures = 0
        for language in self._texts.languages:
            code = "" if language == FALLBACK else language
            if code and not _CODE.fullmatch(code):
                continue  # A dialect: its people are shown the language itself.
            failures += await self._tried(self._set_texts(language, code), "about and description")
            failures += await self._tried(
                self._set_commands(types.BotCommandScopeDefault(), language, code, COMMANDS), "commands"
            )
            for admin in self._admins:
                access_hash = self._client.session.access_hash(admin)
                if access_hash is None:
                    continue
                peer = types.InputPeerUser(admin, access_hash)
                commands = self._set_commands(
                    types.BotCommandScopePeer(peer), language, code, COMMANDS + ADMIN_COMMANDS
                )
                failures += await self._tried(commands, f"commands of admin {admin}")
        return failures

    async def _tried(self, work: Any, what: str) -> bool:
        try:
            await work
        except errors.RPCError as error:
            log.warning("the bot's profile: %s not brought up to date: %s", what, error_name(error))
            return True
        return False

    async def _set_texts(self, language: str, code: str) -> None:
        shown = await self._client(functions.bots.GetBotInfoRequest(lang_code=code))
        about = self._texts.render(language, "profile-about")[:ABOUT_LENGTH]
        description = self._texts.render(language, "profile-description")[:DESCRIPTION_LENGTH]
        changed: dict[str, str] = {}
        if about and about != shown.about:
            changed["about"] = about
        if description and description != shown.description:
            changed["description"] = description
        if changed:
            await self._client(functions.bots.SetBotInfoRequest(lang_code=code, **changed))
            log.info("the bot's profile has a new %s (%s)", " and ".join(changed), language)

    async def _set_commands(self, scope: Any, language: str, code: str, names: Iterable[str]) -> None:
        wanted = [types.BotCommand(name, self._texts.render(language, f"command-{name}")) for name in names]
        shown = await self._client(functions.bots.GetBotCommandsRequest(scope, code))
        if _told(shown) != _told(wanted):
            await self._client(functions.bots.SetBotCommandsRequest(scope, code, wanted))
            log.info("the bot's profile has a new command list (%s)", language)


def _told(commands: Iterable[Any]) -> list[tuple[str, str]]:
    return [(command.command, command.description) for command in commands]
