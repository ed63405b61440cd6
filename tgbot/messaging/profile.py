"""The bot's profile at Telegram: command lists, about and description, in each language of the texts."""

from __future__ import annotations

import json
import logging
from collections.abc import Coroutine, Iterable
from enum import StrEnum
from itertools import product
from typing import Final, Protocol

from telethon import errors
from telethon.tl import functions, types

from tgbot.locales.texts import FALLBACK, Texts
from tgbot.messaging.lengths import shortened
from tgbot.messaging.menu import Line, Menu
from tgbot.telegram import BotClient, error_name
from tgbot.telegram.refusals import answer_of

log = logging.getLogger(__name__)

#: The texts of a profile, with Telegram's limits in characters; those of the bot are `profile-<name>`.
LENGTHS: Final = {"about": 120, "description": 512}
_COMMANDS: Final = "commands"
#: The name of the note on what the bot has set.
_NOTE: Final = "profile"


class Manage(StrEnum):
    """What the bot does with its profile; a member's value is how the configuration spells it."""

    #: Set what is empty, and update what the bot itself has set.
    MISSING = "missing"
    #: Set whatever differs.
    ALWAYS = "always"
    #: Neither ask nor set anything.
    NEVER = "never"


class Notes(Protocol):
    """Where it is kept what the bot has set."""

    def note(self, name: str) -> str | None:
        """Return what was kept last under a name, None for nothing."""

    def keep_note(self, name: str, text: str) -> None:
        """Keep a text under a name."""


class Profile:
    """Compares what Telegram shows of the bot with the texts, and sets what differs, as `manage` says.

    With `Manage.MISSING` it counts what people see: in a language without a text of its own, the default one.
    What somebody else has set stays, in every language that shows it, and the bot takes its own texts back
    that would hide it. Languages without a text are left alone, and so is the bot's name. Telegram knows
    languages by two letters: those of a dialect's language are the texts that are nearest to it.
    """

    def __init__(
        self,
        client: BotClient,
        texts: Texts,
        menu: Menu,
        admins: Iterable[int],
        *,
        manage: Manage,
        notes: Notes,
    ) -> None:
        self._client = client
        self._texts = texts
        self._menu = menu
        self._admins = tuple(admins)
        self._manage = manage
        self._notes = notes
        #: What the bot has set, by kind: place → text.
        self._own: dict[str, dict[str, str]] = json.loads(notes.note(_NOTE) or "{}")
        #: Telegram's language code → the language of the texts; "" is for everybody else.
        self._languages = {code: texts.choose(code) for code in ("", *texts.codes)}
        #: The command lists that Telegram has, and the texts for everybody else, as far as they are known.
        self._lists: dict[tuple[str, str], list[Line]] = {}
        self._default: dict[str, str] = {}
        self._kept: dict[str, None] = {}

    async def show(self) -> int:
        """Bring the profile up to date and return how many calls failed: each is logged, none is raised.

        A second run sets nothing. An admin gets a list of commands of their own once they have written to
        the bot.
        """
        if self._manage is Manage.NEVER:
            return 0
        failures = 0
        for found in (self._lists, self._default, self._kept):
            found.clear()
        for code, language in self._languages.items():
            failures += await self._tried(self._show_texts(language, code), "about and description")
            failures += await self._tried(self._show_commands(language, code), "commands")
            for admin in self._admins:
                access_hash = self._client.session.access_hash(admin)
                if access_hash is not None:
                    work = self._show_commands(language, code, types.InputPeerUser(admin, access_hash))
                    failures += await self._tried(work, f"commands of admin {admin}")
        if self._kept:
            log.info("the bot's profile keeps what the bot has not set: %s (see [profile] manage)",
                     ", ".join(self._kept))  # fmt: skip
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

    # ---- about and description -----------------------------------------------------------------

    async def _show_texts(self, language: str, code: str) -> None:
        if code and not self._default and self._manage is Manage.MISSING:
            return  # it is not known what people see there
        shown = await self._client(functions.bots.GetBotInfoRequest(lang_code=code))
        changed: dict[str, tuple[str, str]] = {}
        for kind in LENGTHS:
            wanted, now = self._text(language, kind), getattr(shown, kind)
            default = self._default.setdefault(kind, now)
            if not wanted or (code and wanted == self._text(FALLBACK, kind)):
                continue  # no text in this language
            # Telegram may or may not name the default text where a language has none.
            own, base = (now, "") if not code else (now if now != default else "", default)
            if self._is_theirs(kind, own) or self._is_theirs(kind, base):
                self._kept[f"{kind} ({language})"] = None
                wanted = ""
            if own != wanted and (wanted or self._is_ours(kind, own)):
                changed[kind] = own, wanted
            elif wanted:
                self._remember(kind, code, wanted)
        if changed:
            new = {kind: wanted for kind, (_, wanted) in changed.items()}
            await self._client(functions.bots.SetBotInfoRequest(lang_code=code, **new))
        for kind, (own, wanted) in changed.items():
            if not code:
                self._default[kind] = wanted
            self._remember(kind, code, wanted)
            _tell(kind, language, own, wanted)

    def _text(self, language: str, kind: str) -> str:
        return shortened(self._texts.render(language, f"profile-{kind}").strip(), LENGTHS[kind])

    # ---- command lists -------------------------------------------------------------------------

    async def _show_commands(
        self, language: str, code: str, admin: types.InputPeerUser | None = None
    ) -> None:
        """Bring the list of everybody, or that of an admin, up to date in one language."""
        scope = types.BotCommandScopeDefault() if admin is None else types.BotCommandScopePeer(admin)
        for_admins = admin is not None
        wanted, now = self._list(language, for_admins), await self._shown(scope, code)
        if code and wanted == self._list(FALLBACK, for_admins):
            wanted = []  # no text in this language
        own, base = _written(now), ""
        if self._manage is Manage.MISSING:
            base = _written(await self._inherited(scope, code))
        if self._is_theirs(_COMMANDS, own) or self._is_theirs(_COMMANDS, base):
            if wanted:
                self._kept[f"commands ({language})"] = None
            wanted = []
        if now != wanted:
            if not wanted and not self._is_ours(_COMMANDS, own):
                return
            await self._set_commands(scope, code, wanted)
            _tell("command list", language, own, _written(wanted))
        self._remember(_COMMANDS, f"{_name(scope)} {code}", _written(wanted))

    async def _set_commands(self, scope: types.TypeBotCommandScope, code: str, wanted: list[Line]) -> None:
        if wanted:
            commands = [types.BotCommand(*line) for line in wanted]
            await self._client(functions.bots.SetBotCommandsRequest(scope, code, commands))
        else:
            await self._client(functions.bots.ResetBotCommandsRequest(scope, code))
        self._lists[_name(scope), code] = wanted

    def _list(self, language: str, for_admins: bool) -> list[Line]:
        """Return the list of everybody, or that of the admins; empty if they have none of their own."""
        lines, more = self._menu.lines(self._texts, language), self._menu.admin_lines(self._texts, language)
        return lines if not for_admins else [*lines, *more] if more else []

    async def _shown(self, scope: types.TypeBotCommandScope, code: str) -> list[Line]:
        """Return the list that Telegram has for exactly this."""
        key = _name(scope), code
        if key not in self._lists:
            shown = await self._client(functions.bots.GetBotCommandsRequest(scope, code))
            self._lists[key] = [Line(one.command, one.description) for one in shown]
        return self._lists[key]

    async def _inherited(self, scope: types.TypeBotCommandScope, code: str) -> list[Line]:
        """Return the list that people see in a private chat as long as there is none for exactly this."""
        users, default = types.BotCommandScopeUsers(), types.BotCommandScopeDefault()
        wider = (users, default) if type(scope) is type(default) else (scope, users, default)
        for one, language in product(wider, dict.fromkeys((code, ""))):
            exactly = (_name(one), language) == (_name(scope), code)
            if not exactly and (shown := await self._shown(one, language)):
                return shown
        return []

    # ---- what is the bot's own -----------------------------------------------------------------

    def _is_theirs(self, kind: str, text: str) -> bool:
        """Return whether a text is to stay, because somebody else has set it."""
        return bool(text) and self._manage is Manage.MISSING and not self._is_ours(kind, text)

    def _is_ours(self, kind: str, text: str) -> bool:
        """Return whether the bot has set a text, or would set it in one of its languages."""
        if not text:
            return False
        if kind == _COMMANDS:
            lists = (self._list(one, who) for one in self._languages.values() for who in (False, True))
            return text in self._own.get(kind, {}).values() or text in map(_written, lists)
        texts = (self._text(one, kind) for one in self._languages.values())
        return text in self._own.get(kind, {}).values() or text in texts

    def _remember(self, kind: str, place: str, text: str) -> None:
        places = self._own.setdefault(kind, {})
        if places.get(place, "") != text:
            places[place] = text
            self._notes.keep_note(_NOTE, json.dumps(self._own))


def _written(lines: Iterable[Line]) -> str:
    """Return a list of commands as text, "" for an empty one."""
    return "\n".join(map(str, lines))


def _name(scope: types.TypeBotCommandScope) -> str:
    peer = getattr(scope, "peer", None)
    return type(scope).__name__ if peer is None else f"{type(scope).__name__} {peer.user_id}"


def _tell(what: str, language: str, old: str, new: str) -> None:
    if not new:
        log.info("the bot's profile has no %s of its own (%s) any more; it was: %r", what, language, old)
    elif old:
        log.info("the bot's profile has a new %s (%s), in place of: %r", what, language, old)
    else:
        log.info("the bot's profile has a new %s (%s)", what, language)
