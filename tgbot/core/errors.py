"""Every error that a person can meet: what is wrong, where, and what to do.

    TgbotError                      1
    ├── ConfigError                 2
    │   └── ConfigSourceError
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
    ├── TelegramRefusedError        1
    ├── BotUnknownError             2
    ├── LinkError (ValueError)      2
    ├── TextError                   2
    └── ResolveError                1
        ├── NameNotFoundError       3
        ├── NeverMetError           3
        ├── HiddenForwardError
        └── BudgetSpentError

The number is the exit status of the command line. The docstring of a class is its message; the constructor
takes the facts and puts them in. No fact may be a secret: `HIDDEN` stands for a value that may be one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Final

#: What a message shows instead of a value that may be a secret.
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
        shown = value if value is HIDDEN else repr(value)
        super().__init__(key=key, expected=expected, value=shown, source=source)


class ConfigSourceError(ConfigError):
    """{source}: {problem}{end}"""

    def __init__(self, source: Path | str, problem: str) -> None:
        TgbotError.__init__(self, source=source, problem=problem, end="" if problem.endswith("?") else ".")


class CredentialsMissingError(TgbotError):
    """Missing: {missing}.
    {sources}. Set them in the environment, or write them to {path}.
    To see the bot work without any of them: tgbot demo"""

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
    """The plugin {module} cannot be used: {reason}. A plugin is a Python module with a function \
register(client, *, users, sender, ...); correct it, or remove it from [bot] plugins."""

    exit_status = 2

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(module=module, reason=reason)


class WrongBotError(TgbotError):
    """The session {path} belongs to bot {session_bot_id}, the token to bot {token_bot_id}: \
give each bot its own directory ([storage] directory), or set the token of bot {session_bot_id}."""

    exit_status = 2

    def __init__(self, path: Path | str, session_bot_id: int, token_bot_id: int) -> None:
        super().__init__(path=path, session_bot_id=session_bot_id, token_bot_id=token_bot_id)


class LoginRefusedError(TgbotError):
    """Telegram refuses the login of the bot ({error}): {advice}."""

    def __init__(self, error: str) -> None:
        advice = "ask @BotFather whether the bot still exists, and set its current token as TGBOT_BOT_TOKEN"
        if error.startswith("API_ID"):
            advice = "set TGBOT_API_ID and TGBOT_API_HASH to what https://my.telegram.org/apps shows"
        super().__init__(error=error, advice=advice)


class BotRunningError(TgbotError):
    """{what} needs the session, and the running bot has it: {instead}."""

    def __init__(self, what: str, instead: str = "ask the bot in the chat, or stop it first") -> None:
        super().__init__(what=what, instead=instead)


class StorageError(TgbotError):
    """A file of the bot cannot be used."""


class SessionDamagedError(StorageError):
    """The session {path} is damaged ({reason}). It was left as it is. Put a backup in its place; or move it \
away: the bot then logs in again, keeps its users, and learns their access hashes as they write."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path=path, reason=reason)


class SessionTooNewError(StorageError):
    """The session {path} has version {found}, and this program knows versions up to {known}: \
update the program, or put a session back that was made for it."""

    def __init__(self, path: Path | str, found: int, known: int) -> None:
        super().__init__(path=path, found=found, known=known)


class SessionInUseError(StorageError):
    """The session {path} is in use by another process{by}: a bot runs as one process. Stop that process, or \
give this bot its own directory ([storage] directory)."""

    def __init__(self, path: Path | str, pid: int | None = None) -> None:
        super().__init__(path=path, by="" if pid is None else f" (pid {pid})")


class RegistryDamagedError(StorageError):
    """The registry of users {path} is damaged ({reason}). It was left as it is. Put a backup in its place, \
or save what can be read with: sqlite3 {path} .recover"""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path=path, reason=reason)


class RegistryTooNewError(StorageError):
    """The registry of users {path} has schema {found}, and this program knows schemas up to {known}: \
update the program, or put a registry back that was made for it."""

    def __init__(self, path: Path | str, found: int, known: int) -> None:
        super().__init__(path=path, found=found, known=known)


class RegistryTooOldError(StorageError):
    """The registry of users {path} has schema {found}, and this program reads schema {known}: \
start the bot once (tgbot run), which keeps a copy of the file and upgrades it."""

    def __init__(self, path: Path | str, found: int, known: int) -> None:
        super().__init__(path=path, found=found, known=known)


class StorageFullError(StorageError):
    """No room left to write {path}: make room on that disk and start the bot again. \
Nothing that was saved is lost, and Telegram sends the rest again."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class NeverRunError(StorageError):
    """The bot has no files at {path}: it has not run with this configuration yet. Start it (tgbot run), or \
name the configuration that it runs with (--config FILE, [storage] directory)."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class StorageFailedError(StorageError):
    """{path} cannot be read or written ({reason}): check the disk, the directory and its permissions."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(path=path, reason=reason)


class UnknownFormError(TgbotError):
    """{path} is not a file of users: expected a Telethon session, JSON (an object or an id on each line, or \
one list of them), or CSV with a column named id."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class NobodysSessionError(TgbotError):
    """The session {path} does not say which bot it belongs to, and access hashes are of use to that bot \
only. If it is this bot, add --same-bot."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class OwnFileError(TgbotError):
    """{path} is the bot's own file, and the bot already has what is in it: name another file."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class ExportExistsError(TgbotError):
    """{path} already exists, and an export replaces nothing: name another file, or move that one away."""

    def __init__(self, path: Path | str) -> None:
        super().__init__(path=path)


class TelegramRefusedError(TgbotError):
    """Telegram refused the request ({error}): try again later. If that does not help, look the name up at \
https://core.telegram.org/api/errors"""

    def __init__(self, error: str) -> None:
        super().__init__(error=error)


class BotUnknownError(TgbotError):
    """The bot's username is not known, because it has not logged in here yet: give it with --bot NAME."""

    exit_status = 2

    def __init__(self) -> None:
        super().__init__()


class LinkError(TgbotError, ValueError):
    """{what}: {why}."""

    exit_status = 2

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what=what, why=why)


class TextError(TgbotError):
    """The texts in {where} cannot be used: {reason}. Correct them, or change [bot] texts."""

    exit_status = 2

    def __init__(self, where: Path | str, reason: str) -> None:
        super().__init__(where=where, reason=reason)


class ResolveError(TgbotError):
    """Nobody was found."""


class NameNotFoundError(ResolveError):
    """Nobody has the name @{name} ({tried})."""

    exit_status = 3

    def __init__(self, name: str, tried: str = "Telegram was asked") -> None:
        super().__init__(name=name, tried=tried)


class NeverMetError(ResolveError):
    """The bot never met {who} (tried: {tried}). Ask for their @name, or ask them to write to the bot."""

    exit_status = 3

    def __init__(self, who: int | str, tried: Iterable[str]) -> None:
        super().__init__(who=who, tried=", ".join(tried) or "nothing")


class HiddenForwardError(ResolveError):
    """The author of this message hides their account in forwards: Telegram shows only a name, and nobody \
can be found by that. Ask for their @name or id."""


class BudgetSpentError(ResolveError):
    """@{name} is not in the session, and the bot has used up the {limit} look-ups of names that Telegram \
allows in a day: ask again tomorrow."""

    def __init__(self, name: str, limit: int) -> None:
        super().__init__(name=name, limit=limit)
