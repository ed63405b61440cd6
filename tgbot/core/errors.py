"""Every error a person can meet: what was wrong, where, and what to do.

    TgbotError                      1
    ├── ConfigError                 2
    ├── CredentialsMissingError     2
    ├── PluginError                 2
    ├── WrongBotError               2
    ├── LoginRefusedError           1
    ├── BotRunningError             1
    ├── StorageError                1
    │   ├── SessionDamagedError
    │   ├── SessionTooNewError
    │   ├── SessionInUseError
    │   ├── RegistryDamagedError
    │   ├── RegistryTooNewError
    │   ├── RegistryTooOldError
    │   ├── NeverRunError
    │   ├── StorageFullError
    │   └── StorageFailedError
    ├── UnknownFormError            1
    ├── NobodysSessionError         1
    ├── OwnFileError                1
    ├── ExportExistsError           1
    ├── BotUnknownError             2
    ├── LinkError (ValueError)      1
    ├── TextError                   2
    └── ResolveError                1
        ├── NameNotFoundError
        ├── NeverMetError
        ├── HiddenForwardError
        └── BudgetSpentError

The number is the exit status of the command line. A class's docstring is its message: the constructor
takes the facts and puts them in. No fact may be a secret; a value that may be one is given as `HIDDEN`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Final

#: Stands in a message for a value that must not be shown.
HIDDEN: Final = "(not shown)"


class TgbotError(Exception):
    """Something went wrong."""

    exit_status = 1

    def __init__(self, **facts: object) -> None:
        sentence = inspect.cleandoc(type(self).__doc__ or type(self).__name__)
        super().__init__(sentence.format(**facts))


class ConfigError(TgbotError):
    """{source}: {key} = {value}: expected {expected}."""

    exit_status = 2

    def __init__(self, key: str, expected: str, *, value: object = HIDDEN, source: object = "config") -> None:
        self.key = key
        shown = value if value is HIDDEN else repr(value)
        super().__init__(key=key, expected=expected, value=shown, source=source)


class CredentialsMissingError(TgbotError):
    """Missing: {missing}.
    {sources}; set what is missing in the environment, or write it to {path}.
    To see the bot at work without any of them: make demo"""

    exit_status = 2

    def __init__(self, missing: Iterable[str], path: Path | str = "secrets.toml") -> None:
        names = list(missing)
        sources = []
        if any("API" in name.upper() for name in names):
            sources.append("api_id and api_hash come from https://my.telegram.org (API development tools)")
        if any("TOKEN" in name.upper() for name in names):
            sources.append("the token comes from @BotFather")
        super().__init__(missing=", ".join(names), sources=", ".join(sources), path=path)


class PluginError(TgbotError):
    """The plugin {module} cannot be used: {reason}. A plugin is an importable module with a function \
register(client, *, users, sender, ...); correct it, or take it out of [bot] plugins."""

    exit_status = 2

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(module=module, reason=reason)


class WrongBotError(TgbotError):
    """The session {path} belongs to bot {session_bot_id}, the token to bot {token_bot_id}: \
give each bot a directory of its own ([storage] directory), or set the token of bot {session_bot_id}."""

    exit_status = 2

    def __init__(self, path: Path | str, session_bot_id: int, token_bot_id: int) -> None:
        super().__init__(path=path, session_bot_id=session_bot_id, token_bot_id=token_bot_id)


class LoginRefusedError(TgbotError):
    """Telegram refuses the login of the bot ({error}): ask @BotFather for the state of the bot and its \
current token, and set that as TGBOT_BOT_TOKEN."""

    def __init__(self, error: str) -> None:
        super().__init__(error=error)


class BotRunningError(TgbotError):
    """{what} needs the session, and the running bot has it: {instead}."""

    def __init__(self, what: str, instead: str = "ask the bot in the chat, or stop it first") -> None:
        super().__init__(what=what, instead=instead)


class StorageError(TgbotError):
    """A file of the bot cannot be used."""


class SessionDamagedError(StorageError):
    """The session {path} is damaged ({reason}). It was left as it is: put a backup in its place, or move it \
away, and the bot logs in anew (the users stay known, their access hashes come back as they write)."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path=path, reason=reason)


class SessionTooNewError(StorageError):
    """The session {path} has version {found}, this program knows versions up to {known}: \
update the program, or put back the session that belongs to it."""

    def __init__(self, path: Path | str, found: int, known: int) -> None:
        super().__init__(path=path, found=found, known=known)


class SessionInUseError(StorageError):
    """The session {path} is in use by another process{by}: one bot, one process. Stop that one first, or \
give this bot a directory of its own ([storage] directory)."""

    def __init__(self, path: Path | str, pid: int | None = None) -> None:
        super().__init__(path=path, by="" if pid is None else f" (pid {pid})")


class RegistryDamagedError(StorageError):
    """The registry of users {path} is damaged ({reason}). It was left as it is: put a backup in its place, \
or save what can be read with: sqlite3 {path} .recover"""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path=path, reason=reason)


class RegistryTooNewError(StorageError):
    """The registry of users {path} has schema {found}, this program knows schemas up to {known}: \
update the program, or put back the registry that belongs to it."""

    def __init__(self, path: Path | str, found: int, known: int) -> None:
        super().__init__(path=path, found=found, known=known)


class RegistryTooOldError(StorageError):
    """The registry of users {path} has schema {found}, this program reads schema {known}: \
start the bot once (tgbot run), it copies the file aside and upgrades it."""

    def __init__(self, path: Path | str, found: int, known: int) -> None:
        super().__init__(path=path, found=found, known=known)


class StorageFullError(StorageError):
    """No room left to write {path}: make room on that disk and start the bot again. \
Nothing that was saved is lost; Telegram hands out the rest again."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class NeverRunError(StorageError):
    """There is nothing of the bot at {path}: it has not run with this configuration yet. Start it \
(tgbot run), or name the configuration that it runs with (--config FILE, [storage] directory)."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class StorageFailedError(StorageError):
    """{path} cannot be read or written ({reason}): check the disk, the directory and who may write there."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path=path, reason=reason)


class UnknownFormError(TgbotError):
    """{path} is no file of users: expected a Telethon session, JSON (an object or an id a line, or one list \
of them), or CSV with a header that names id."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class NobodysSessionError(TgbotError):
    """The session {path} does not say whose it is, and access hashes are of use to their own bot only. If \
it is this bot's: --same-bot"""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class OwnFileError(TgbotError):
    """{path} is the bot's own file: there is nothing to be taken from it that the bot has not."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class ExportExistsError(TgbotError):
    """{path} exists, and an export replaces nothing: name another file, or move that one away."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class BotUnknownError(TgbotError):
    """The session does not know the bot's name (it has not logged in there yet): give it with --bot NAME."""

    exit_status = 2

    def __init__(self) -> None:
        super().__init__()


class LinkError(TgbotError, ValueError):
    """{what}: {why}."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what=what, why=why)


class TextError(TgbotError):
    """The texts in {where} cannot be used: {reason}. Correct them, or [bot] texts."""

    exit_status = 2

    def __init__(self, where: Path | str, reason: str) -> None:
        super().__init__(where=where, reason=reason)


class ResolveError(TgbotError):
    """Nobody was found."""


class NameNotFoundError(ResolveError):
    """Nobody has the name @{name} ({tried})."""

    def __init__(self, name: str, tried: str = "Telegram was asked") -> None:
        super().__init__(name=name, tried=tried)


class NeverMetError(ResolveError):
    """The bot never met {who}; tried: {tried}. They are known once they write to the bot, or by @name."""

    def __init__(self, who: int | str, tried: Iterable[str]) -> None:
        super().__init__(who=who, tried=", ".join(tried) or "nothing")


class HiddenForwardError(ResolveError):
    """The author of this message hides the account in forwards: Telegram gives only the name they show, \
and by a name alone nobody can be found. Ask for their @name or id."""


class BudgetSpentError(ResolveError):
    """@{name} is not in the session, and the {limit} names a day that Telegram lets a bot look up are \
spent: ask again tomorrow."""

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(name=name, limit=limit)
