"""Every error that a person can meet: what is wrong, where, and what to do.

The docstring of a class is its message; the constructor takes the facts in the order in which the message
names them. No fact may be a secret: `HIDDEN` stands for a value that may be one.
"""

from __future__ import annotations

import errno
import inspect
import re
from pathlib import Path
from string import Formatter
from typing import Final

from tgbot.core.secrets import HIDDEN, looks_secret, without_secrets, without_tokens

#: The longest value that a message shows, in characters.
_LONGEST: Final = 200


def no_descriptors_left(error: OSError) -> bool:
    """Return whether something was refused because the process, or the system, has too many files open."""
    return error.errno in (errno.EMFILE, errno.ENFILE)


def system_reason(error: OSError) -> str:
    """Return why the system refused something, with what to do where its own words do not say so."""
    if no_descriptors_left(error):
        return "no file descriptors are left: allow more (ulimit -n; under systemd LimitNOFILE=)"
    return error.strerror or type(error).__name__


class TgbotError(Exception):
    """Something went wrong."""

    #: Exit status of the command line.
    exit_status = 1

    def __init__(self, *facts: object) -> None:
        """Put the facts into the message, in the order in which it first names them.

        A fact that is a sentence has a full stop, and so has the message: one of them goes.
        """
        message = inspect.cleandoc(str(self.__doc__))
        names = dict.fromkeys(name for _, name, _, _ in Formatter().parse(message) if name)
        message = message.format(**dict(zip(names, facts, strict=True)))
        super().__init__(without_tokens(re.sub(r"(?<=[\w)])\.\.(?=\s|$)", ".", message)))


class WrongUsageError(TgbotError):
    """Wrong usage or configuration."""

    exit_status = 2


class ConfigError(WrongUsageError):
    """{source}: {key} = {value}: expected {expected}."""

    def __init__(self, key: str, expected: str, *, value: object = HIDDEN, source: object = "config") -> None:
        shown = repr(value)
        if value is HIDDEN or looks_secret(shown):
            shown = HIDDEN
        elif len(shown) > _LONGEST:
            shown = shown[: _LONGEST - 1] + "…"
        super().__init__(source, key, shown, expected)


class ConfigSourceError(ConfigError):
    """{source}: {problem}{end}"""

    def __init__(self, source: Path | str, problem: str) -> None:
        TgbotError.__init__(self, source, problem, "" if problem.endswith("?") else ".")


class CredentialsMissingError(WrongUsageError):
    """Missing: {missing}.
    {sources}. Set them in the environment, or write them to secrets.toml (an empty variable hides those).
    To see the bot work without any of them: tgbot demo, or your own: tgbot run --sandbox"""

    def __init__(self, *missing: str) -> None:
        sources = []
        if any("API" in name for name in missing):
            sources.append("api_id and api_hash come from https://my.telegram.org (API development tools)")
        if any("TOKEN" in name for name in missing):
            sources.append("the token comes from @BotFather")
        super().__init__(", ".join(missing), ", ".join(sources))


class PluginError(WrongUsageError):
    """The plugin {module} cannot be used: {reason}. A plugin is a Python module with a function \
register(client, *, users, sender, ...); correct it, or remove it from [bot] plugins."""

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(without_secrets(module), without_secrets(reason))


class WrongBotError(WrongUsageError):
    """The session {path} belongs to bot {session_bot_id}, the token to bot {token_bot_id}: \
give each bot its own directory ([storage] directory), or set the token of bot {session_bot_id}."""


class UnitExistsError(TgbotError):
    """{path} was not written by this command, or was changed since: what you change belongs into a file of \
its own (systemctl edit {unit}). To replace it all the same, add --force."""


class UnitMissingError(TgbotError):
    """There is no {unit} where unit files are: make it with "tgbot service install", or say where it is \
with --units DIR."""


class ServiceUserError(WrongUsageError):
    """The service would run as {user}: {reason}. Make a user for it (useradd --system --create-home tgbot), \
give it the bot's files (chown -R tgbot {storage}), and name it with --run-as tgbot."""


class NotTelegramError(TgbotError):
    """What answers at {address} is not Telegram ({kind}). A firewall or a page for guests of the network \
may answer in its place: let this machine through, or set [telegram] proxy."""


class LoginRefusedError(TgbotError):
    """Telegram refuses the login of the bot ({error}): {advice}."""

    def __init__(self, error: str) -> None:
        advice = "ask @BotFather whether the bot still exists, and set its current token as TGBOT_BOT_TOKEN"
        if error.startswith("API_ID"):
            advice = "set TGBOT_API_ID and TGBOT_API_HASH to what https://my.telegram.org/apps shows"
        super().__init__(error, advice)


class BotDeafError(TgbotError):
    """A process{by} has the session {session} and takes no commands at {control}: the bot is starting or \
stopping, or could not make that socket (its log says so). Try again in a moment, or stop it."""

    def __init__(self, session: Path, control: Path, pid: int | None = None) -> None:
        super().__init__("" if pid is None else f" (pid {pid})", session, control)


class BotRunsError(TgbotError):
    """A bot runs with the files in {directory}{by}: stop it first, and do this then."""

    def __init__(self, directory: Path, pid: int | None = None) -> None:
        super().__init__(directory, "" if pid is None else f" (pid {pid})")


class NoBotRunsError(TgbotError):
    """No bot runs with the files in {directory}: start it (tgbot run), or name the configuration that it \
runs with (--config FILE)."""

    exit_status = 3


class ArgumentError(WrongUsageError):
    """{argument}: {problem}. See docs/control.md."""


class BotSilentError(TgbotError):
    """The running bot cannot be asked at {path} ({reason}). Run this as the user that the bot runs as, or \
as root, or stop the bot first."""


class BotAnswerError(TgbotError):
    """{said}"""

    def __init__(self, said: str, exit_status: int = 1) -> None:
        super().__init__(said)
        self.exit_status = exit_status


class LoggerUnknownError(TgbotError):
    """No logger has the name {name}: name a module of the bot or of a plugin, such as tgbot.telegram."""

    exit_status = 3


class PrivateLoggerError(WrongUsageError):
    """The lines of {name} below WARNING may show what somebody wrote: give it WARNING or ERROR."""


class UserUnknownError(TgbotError):
    """the bot never met {user_id}"""

    exit_status = 3


class NotParkedError(TgbotError):
    """No parked update has {keys}: "tgbot parked list" shows all keys."""

    exit_status = 3

    def __init__(self, *keys: str) -> None:
        super().__init__(f"the key {keys[0]}" if len(keys) == 1 else f"one of the keys {', '.join(keys)}")


class JobUnknownError(TgbotError):
    """No plugin has a job {name}{meant}: "tgbot jobs list" shows all of them."""

    exit_status = 3


class JobRunsError(TgbotError):
    """The job {name} is running now: try again when it is over."""


class DurationError(WrongUsageError):
    """{text} is no duration: write a number with s, m, h, d or w behind it, such as 12h or 7d."""

    def __init__(self, text: str) -> None:
        super().__init__(repr(without_secrets(text[:_LONGEST])))


class SweepOpenError(TgbotError):
    """A sweep is {state} already: "tgbot users check --status" shows it, --cancel ends it."""


class NoSweepError(TgbotError):
    """No sweep {is_so}: "tgbot users check" begins one."""

    exit_status = 3


class StorageError(TgbotError):
    """A file of the bot cannot be used."""

    #: Whether what was to be written may have been written all the same.
    in_doubt = False


class SessionDamagedError(StorageError):
    """The session {path} is damaged ({reason}). It was left as it is. Put a backup in its place; or move it \
away: the bot then logs in again, keeps its users, and learns their access hashes as they write."""


class SessionTooNewError(StorageError):
    """The session {path} has version {found}, and this program knows versions up to {known}: \
update the program, or put a session back that was made for it."""


class SessionInUseError(StorageError):
    """The session {path} is in use by another process{by}: a bot runs as one process. Stop that process, or \
give this bot its own directory ([storage] directory)."""

    def __init__(self, path: Path | str, pid: int | None = None) -> None:
        self.pid = pid
        super().__init__(path, "" if pid is None else f" (pid {pid})")


class RegistryDamagedError(StorageError):
    """The registry of users {path} is damaged ({reason}). It was left as it is. Put a backup in its place, \
or save what can be read with: sqlite3 {path} .recover"""


class RegistryTooNewError(StorageError):
    """The registry of users {path} has schema {found}, and this program knows schemas up to {known}: \
update the program, or put a registry back that was made for it."""


class RegistryTooOldError(StorageError):
    """The registry of users {path} has schema {found}, and this program reads schema {known}: \
start the bot once (tgbot run), which keeps a copy of the file and upgrades it."""


class StorageGoneError(StorageError):
    """{path} was deleted or replaced while the bot ran: nothing is saved since the checkpoint before that. \
Put all files of the bot back from a backup and start it: Telegram sends again what came since then."""


class StorageLockedError(StorageError):
    """{path} is locked by {holder}: end that program and start this again. Nothing that was saved is lost, \
and Telegram sends the rest again."""


class StorageFullError(StorageError):
    """No room left to write {path}: make room on that disk and start the bot again. \
Nothing that was saved is lost, and Telegram sends the rest again."""


class NeverRunError(StorageError):
    """The bot has no files at {path}: it has not run with this configuration yet. Start it (tgbot run), or \
name the configuration that it runs with (--config FILE, [storage] directory)."""


class StorageFailedError(StorageError):
    """{path} cannot be read or written ({reason}): check the disk, the directory and its permissions."""


class StorageUnreachableError(StorageError):
    """The database {place} cannot be reached now ({reason}): check that it runs, the address \
([storage] url) and the network. Nothing that was saved is lost, and Telegram sends the rest again."""

    in_doubt = True


class LeaseLostError(StorageError):
    """Another node leads this bot now, so this one may write nothing more to {place}: \
it stops, and says nothing twice. See: tgbot nodes"""


class PartEndedError(TgbotError):
    """A part of the bot was cancelled that it cannot go on without: {part}. Start the bot again."""


class UnknownFormError(TgbotError):
    """{path} is not a file of users: expected a Telethon session, JSON (an object or an id on each line, or \
one list of them), or a table (CSV) whose first row names the columns, one of them id or user_id. If the ids \
are in a column of another name, add --id COLUMN."""


class AmbiguousIdError(TgbotError):
    """{path} has several columns that may hold the ids of the users at Telegram: {columns}. Name the right \
one with --id COLUMN."""


class NoSuchColumnError(WrongUsageError):
    """{path} has no column {column} for --id, only {columns}."""


class NobodysSessionError(TgbotError):
    """The session {path} does not say which bot it belongs to, and access hashes are of use to that bot \
only. If it is this bot, add --same-bot."""


class OwnFileError(TgbotError):
    """{path} is the bot's own file, and the bot already has what is in it: name another file."""


class BackupTargetError(TgbotError):
    """No backup can be written to {path}: {reason}. To go on, {advice}."""


class RestoreError(TgbotError):
    """{path} cannot be restored: {reason}. To go on, {advice}."""


class ExportExistsError(TgbotError):
    """{path} already exists, and an export replaces nothing: name another file, or move that one away."""


class TelegramRefusedError(TgbotError):
    """Telegram refused the request ({error}): try again later. If that does not help, look the name up at \
https://core.telegram.org/api/errors"""


class BotUnknownError(WrongUsageError):
    """The bot's username is not known, because it has not logged in here yet: give it with --bot NAME."""


class LinkError(WrongUsageError, ValueError):
    """{what}: {why}."""


class PhoneNumberError(LinkError):
    """{what}: a phone number, and Telegram shows no bot whose it is. Ask for their @name or id."""

    def __init__(self, what: str) -> None:
        TgbotError.__init__(self, what)


class InvitationError(LinkError):
    """{what}: an invitation to a chat, which tells only those who use it where it leads. Ask for the @name \
or id of the person or chat."""

    def __init__(self, what: str) -> None:
        TgbotError.__init__(self, what)


class TextError(WrongUsageError):
    """The texts in {where} cannot be used: {reason}. Correct them, or change [bot] texts."""


class ResolveError(TgbotError):
    """Nobody was found."""


class NameNotFoundError(ResolveError):
    """Nobody has the name @{name} ({tried})."""

    exit_status = 3


class NeverMetError(ResolveError):
    """The bot never met {who} (tried: {tried}). Ask for their @name, or ask them to write to the bot."""

    exit_status = 3


class HiddenForwardError(ResolveError):
    """The author of this message hides their account in forwards: Telegram shows only a name, and nobody \
can be found by that. Ask for their @name or id."""


class BudgetSpentError(ResolveError):
    """@{name} is not in the session, and the bot has used up the {limit} look-ups of names that Telegram \
allows in a day: ask again tomorrow."""
