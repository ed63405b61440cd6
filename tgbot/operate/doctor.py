"""What a doctor looks at: the files, the disk, the way to Telegram and the settings, without a login.

Nothing is locked and nothing but a file for a moment is written, so the bot may be running.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from telethon.errors import SecurityError
from telethon.sessions.sqlite import CURRENT_VERSION

from tgbot.core.errors import (
    BotAnswerError,
    BotSilentError,
    ConfigError,
    NotTelegramError,
    PluginError,
    RegistryDamagedError,
    StorageError,
    TextError,
    WrongBotError,
)
from tgbot.core.places import places
from tgbot.core.plural import counted
from tgbot.locales.library import Library
from tgbot.operate import databasecheck, findings
from tgbot.operate.control import ask
from tgbot.operate.findings import Check, Finding, Level, Subject
from tgbot.plugins.loading import load_all
from tgbot.store.files import denied, is_ours
from tgbot.store.lock import holder_of
from tgbot.store.sqlite import sessionfile, userschema
from tgbot.store.sqlite.connection import sqlite_errors
from tgbot.telegram.reach import reach

#: Free room on the disk, in bytes: less than the first is a failure, less than the second a warning.
LEAST_ROOM: Final = 64 * 1024 * 1024
SCARCE_ROOM: Final = 1024 * 1024 * 1024
#: How long a write to the disk may take, in seconds: a checkpoint makes a few, once a second.
SLOW_WRITE: Final = 0.1
#: How many writes are measured.
WRITES: Final = 5
#: By how many seconds this machine's clock may differ from Telegram's.
CLOCK_SECONDS: Final = 30
#: How long an answer of Telegram's takes that is slow, in seconds.
SLOW_ANSWER: Final = 2.0
#: How long the running bot and a name server may take to answer, in seconds.
ANSWER_SECONDS: Final = 10.0


async def examine(subject: Subject, *, offline: bool) -> AsyncIterator[tuple[str, Finding]]:
    """Give each check's name with what it finds; `offline` leaves out what needs a network."""
    closed: set[str] = set()  # what was told of files that may not be read: it is the same in many checks
    for name, check in CHECKS:
        if (offline and check in ONLINE) or check in (OF_FILES if subject.address else OF_DATABASE):
            continue
        try:
            async for finding in check(subject):
                yield name, finding
        except PermissionError as error:
            file = Path(str(error.filename))
            said = denied(file) or f"{file} may not be read: {error.strerror}"
            if said not in closed:
                closed.add(said)
                yield name, Finding(Level.FAILURE, said, "let the user read it that the bot runs as")
        except Exception as error:
            yield (
                name,
                Finding(Level.FAILURE, f"this cannot be examined: {places(error)}", "report it as a defect"),
            )


async def _running(of: Subject) -> AsyncIterator[Finding]:
    holder = holder_of(of.session)
    if holder is None:
        yield Finding(Level.OK, "no bot runs with these files")
        return
    try:
        how = await asyncio.to_thread(ask, of.control, "status", {}, seconds=ANSWER_SECONDS)
    except BotAnswerError:
        yield Finding(Level.OK, f"the bot runs (pid {holder}); its version has no command `status`")
    except (OSError, BotSilentError) as error:
        said = str(error) if isinstance(error, BotSilentError) else "nobody listens there"
        advice = "see its log, or run this as its user"
        yield Finding(Level.WARNING, f"the bot runs (pid {holder}) and cannot be asked: {said}", advice)
    else:
        if trouble := how.get("trouble"):
            yield Finding(
                Level.WARNING, f"the bot runs (pid {holder}) and is not ready: {trouble}", "see its log"
            )
        else:
            yield Finding(Level.OK, f"the bot runs (pid {holder}) and is ready")


async def _session(of: Subject) -> AsyncIterator[Finding]:
    try:
        version = sessionfile.version_of(of.session)
        owner = None if version is None else sessionfile.bot_in(of.session)
    except StorageError as error:
        yield Finding(Level.FAILURE, str(error))
        return
    if version is None:
        yield Finding(Level.OK, "there is no session yet: the first start makes one")
        return
    if None not in (owner, of.bot_id) and owner != of.bot_id:
        yield Finding(Level.FAILURE, str(WrongBotError(of.session, owner, of.bot_id)))
    elif version < CURRENT_VERSION:
        yield Finding(Level.WARNING, _older(of.session, version, CURRENT_VERSION))
    else:
        yield Finding(Level.OK, f"{of.session}: version {version}, bot {owner or 'not said'}")


async def _registry(of: Subject) -> AsyncIterator[Finding]:
    if not of.registry.exists():
        level = Level.WARNING if of.session.exists() else Level.OK
        advice = "if the bot has met anybody, restore a backup" if of.session.exists() else ""
        yield Finding(level, "there are no users yet: the first start makes the file", advice)
        return
    try:
        with sqlite_errors(of.registry, damaged=RegistryDamagedError, opening=True):
            schema, account = userschema.schema_of(of.registry), userschema.account_in(of.registry)
    except StorageError as error:
        yield Finding(Level.FAILURE, str(error))
        return
    if account is not None and of.bot_id is not None and account.id != of.bot_id:
        said = (
            f"the users in {of.registry} are those of bot {account.id}, and the token is of bot {of.bot_id}"
        )
        yield Finding(Level.FAILURE, said, "give each bot its own directory ([storage] directory)")
    elif schema < userschema.SCHEMA:
        yield Finding(Level.WARNING, _older(of.registry, schema, userschema.SCHEMA))
    else:
        yield Finding(Level.OK, f"{of.registry}: schema {schema}")


def _older(path: Path, found: int, known: int) -> str:
    return (
        f"{path} has version {found}, and this program writes {known}: the next start upgrades it, after it"
        " has made copies of all files"
    )


async def _lookups(of: Subject) -> AsyncIterator[Finding]:
    if of.session.exists():
        yield findings.lookups(sessionfile.resolves_in(of.session, int(time.time()) - 86_400))


async def _account(of: Subject) -> AsyncIterator[Finding]:
    yield findings.account(userschema.account_in(of.registry) if of.registry.exists() else None, of)


async def _modes(of: Subject) -> AsyncIterator[Finding]:
    directory = of.session.parent
    if not directory.exists():
        yield Finding(Level.OK, f"{directory} is not there yet: the first start makes it")
        return
    owner, sound = directory.stat().st_uid, True
    if os.geteuid() not in (owner, 0):
        said = f"{directory} belongs to uid {owner}, and this is uid {os.geteuid()}"
        yield Finding(Level.FAILURE, said, "run this, and the bot, as the owner")
        return
    for file in (directory, *sorted(path for path in directory.iterdir() if is_ours(path.name))):
        found = file.lstat()
        if stat.S_ISLNK(found.st_mode):
            yield Finding(Level.FAILURE, f"{file} is a symbolic link", "link the whole directory instead")
        elif found.st_uid != owner:
            said = f"{file} belongs to uid {found.st_uid}, and its directory to uid {owner}"
            yield Finding(Level.FAILURE, said, f"chown {owner} {file}")
        elif found.st_mode & 0o077 and (file == directory or file.suffix not in (".md", "")):
            said = f"others may open {file} (mode {stat.S_IMODE(found.st_mode):04o})"
            yield Finding(Level.WARNING, said, f"chmod go= {file}; a start does it, too")
        else:
            continue
        sound = False
    if sound:
        yield Finding(
            Level.OK, f"{directory} and its files belong to uid {owner}, and nobody else may open them"
        )


async def _room(of: Subject) -> AsyncIterator[Finding]:
    directory = _nearest(of.session.parent)
    disk = shutil.disk_usage(directory)
    said = f"{disk.free / 2**30:.1f} GiB of {disk.total / 2**30:.1f} GiB are free at {directory}"
    if disk.free < SCARCE_ROOM:
        level = Level.FAILURE if disk.free < LEAST_ROOM else Level.WARNING
        yield Finding(level, said, "make room: the bot stops when it cannot save")
    else:
        yield Finding(Level.OK, said)


async def _writes(of: Subject) -> AsyncIterator[Finding]:
    directory = _nearest(of.session.parent)
    took = []
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            for _ in range(WRITES):
                began = time.monotonic()
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
                took.append(time.monotonic() - began)
    except OSError as error:
        yield Finding(
            Level.FAILURE, f"nothing can be written in {directory}: {error.strerror}", "run this as the bot"
        )
        return
    said = f"a write to {directory} is safe after {statistics.median(took) * 1000:.1f} ms"
    slow = statistics.median(took) > SLOW_WRITE
    advice = "the disk is slow or busy, and each checkpoint waits for it" if slow else ""
    yield Finding(Level.WARNING if slow else Level.OK, said, advice)


def _nearest(directory: Path) -> Path:
    """Return the directory, or the nearest one above it that exists."""
    return next(path for path in (directory, *directory.absolute().parents) if path.is_dir())


async def _texts(of: Subject) -> AsyncIterator[Finding]:
    try:
        texts = Library(of.texts, of.plugins)
    except TextError as error:
        yield Finding(Level.FAILURE, str(error))
        return
    if texts.mistakes:
        said = f"{counted(len(texts.mistakes), 'text')} cannot be used; others stand in"
        yield Finding(Level.WARNING, said, 'see "tgbot texts check"')
    else:
        yield Finding(Level.OK, f"all texts of {', '.join(texts.bot.languages)} can be used")


async def _plugins(of: Subject) -> AsyncIterator[Finding]:
    try:
        load_all(of.plugins, of.settings)
    except (PluginError, ConfigError) as error:
        yield Finding(Level.FAILURE, str(error))
    else:
        yield Finding(Level.OK, f"{', '.join(of.plugins) or 'none'}")


async def _site(of: Subject) -> AsyncIterator[Finding]:
    if not of.site:
        return
    host = urlsplit(of.site).hostname or ""
    domain = f"@BotFather has to know its domain: /setdomain {host}"
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:  # TimeoutError is one
        said = f"the name of {of.site} has no address ({error.strerror or 'no answer'})"
        yield Finding(Level.WARNING, said, f"correct [login] site, or the name server; {domain}")
    else:
        yield Finding(Level.OK, f"{of.site}; {domain}")


async def _telegram(of: Subject) -> AsyncIterator[Finding]:
    try:
        found = await reach(of.server, of.proxy)
    except SecurityError:
        said = "the server does not have the configured key"
        yield Finding(Level.FAILURE, said, "correct [telegram] public_key, or [telegram] server")
    except NotTelegramError as error:
        said, _, advice = str(error).partition(". ")
        yield Finding(Level.FAILURE, said, advice.removesuffix("."))
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "no answer in time"
        advice = "see whether this machine may connect to it; behind a firewall set [telegram] proxy"
        yield Finding(Level.FAILURE, f"Telegram cannot be reached: {reason}", advice)
    else:
        took = f"{found.connecting:.2f} s and agrees on a key in {found.exchange:.2f} s"
        said = f"{found.address} connects in {took}"
        slow = found.connecting > SLOW_ANSWER or found.exchange > 3 * SLOW_ANSWER
        yield Finding(Level.WARNING if slow else Level.OK, said, "the network is slow" if slow else "")
        wrong = abs(found.ahead) > CLOCK_SECONDS
        kind = "behind" if found.ahead > 0 else "ahead of"
        said = (
            f"this machine's clock is {abs(found.ahead)} s {kind} Telegram's"
            if wrong
            else "the clock is right"
        )
        advice = (
            "the bot copes with that; certificates and logs may not: set it (timedatectl)" if wrong else ""
        )
        yield Finding(Level.WARNING if wrong else Level.OK, said, advice)


#: Each check with the name that is printed, in this order.
CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("bot", _running),
    ("session", _session),
    ("users", _registry),
    ("owner", _modes),
    ("disk", _room),
    ("writes", _writes),
    ("look-ups", _lookups),
    ("account", _account),
    ("database", databasecheck.check),
    ("texts", _texts),
    ("plugins", _plugins),
    ("login page", _site),
    ("telegram", _telegram),
)
#: Those that need a network.
ONLINE: Final = (_site, _telegram, databasecheck.check)
#: Those of a bot that keeps everything in files, or in a database.
OF_FILES: Final = (_session, _registry, _lookups, _account)
OF_DATABASE: Final = (databasecheck.check,)
