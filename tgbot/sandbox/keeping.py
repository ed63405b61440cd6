"""A world that outlasts the sandbox: a file with the world, and the auth keys with their logins.

The file is a pickle. Whoever can write it can have this program do anything, so one that others can write
is refused, and none must be taken from others.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import pickle
import stat
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from telethon.version import __version__ as library

from .server import Sandbox

#: The name of the file in the directory of a sandbox.
NAME: Final = "world.pickle"
#: Seconds between two looks at whether anything has changed.
EACH_SECONDS: Final = 3.0
#: Grows when a file of the program before can no longer be read.
_FORMAT: Final = 1
_HEAD: Final = f"tgbot sandbox world, format {_FORMAT}, Telethon {library}\n".encode()
_START: Final = b"tgbot sandbox world, "

_log = logging.getLogger(__name__)


class KeptError(Exception):
    """A kept world cannot be read or written; the message says which file, why, and what to do."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}")


def load(path: Path) -> dict[str, Any] | None:  # Any: the arguments of a Sandbox
    """Return the arguments with which a Sandbox goes on; None if there is no such file. Raise KeptError.

    The file is left as it is.
    """
    try:
        with path.open("rb") as file:
            _check(path, os.fstat(file.fileno()))
            head, digest, body = file.readline(), file.readline().strip(), file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeptError(path, f"cannot be read: {error.strerror}") from None
    if not head.startswith(_START):
        raise KeptError(path, "holds no world of a sandbox: name another directory")
    if head != _HEAD:
        made = head.decode(errors="replace").removeprefix(_START.decode()).strip()
        raise KeptError(path, f"is of another version ({made}): delete it to begin anew, or use that version")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise KeptError(path, "is damaged: delete it to begin anew")
    try:
        world, keys = pickle.loads(body)
    except Exception as error:  # whatever a class of then says of the classes of now
        problem = f"is of another version of the sandbox ({type(error).__name__}): delete it to begin anew"
        raise KeptError(path, problem) from None
    return {"world": world, "keys": keys}


def _check(path: Path, status: os.stat_result) -> None:
    """Raise KeptError for a file that somebody else could have written."""
    owner = os.geteuid()
    writable = stat.S_IWGRP | stat.S_IWOTH
    if status.st_uid not in (owner, 0) or status.st_mode & writable:
        raise KeptError(path, f"can be written by others, who could run programs with it: chmod 600 {path}")
    above = path.absolute().parent.stat()
    if above.st_mode & writable and not above.st_mode & stat.S_ISVTX:
        raise KeptError(path, f"is in a directory that others can write: chmod go-w {path.parent}")


def write(server: Sandbox, path: Path) -> None:
    """Write the file as a whole, or leave it as it was; raise OSError."""
    body = pickle.dumps((server.world, server.auth_keys), protocol=5)
    part = path.with_name(f"{path.name}.part")
    with suppress(FileNotFoundError):
        part.unlink()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(_HEAD + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


class Keeper:
    """Keep the world of a running sandbox in a file: `async with Keeper(server, path)`.

    It is written every few seconds while anything changes, by a child process that has the memory of this
    one as it was at that moment, so that nothing here waits; and at the end.
    """

    def __init__(self, server: Sandbox, path: Path, *, seconds: float = EACH_SECONDS) -> None:
        self._server = server
        self._path = path
        self._seconds = seconds
        self._changed = True
        self._seen: object = None
        self._end: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        #: How often it was written.
        self.written = 0

    async def __aenter__(self) -> Self:
        self._end = self._server.world.subscribe(self._note, self._note)
        self._task = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._end is not None:
            self._end()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        try:
            write(self._server, self._path)
        except OSError as error:
            raise KeptError(self._path, f"cannot be written: {error.strerror}") from None

    def _note(self, *change: object) -> None:
        self._changed = True

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            # New people, keys and logins are in no log; a login is a call.
            server = self._server
            seen = len(server.world.accounts), server.keys_of(), server.calls.total()
            if not self._changed and seen == self._seen:
                continue
            self._changed, self._seen = False, seen
            child = _fork(lambda: write(self._server, self._path))
            # Shielded: at the end, the file is written once more only when this child has gone.
            waiting = asyncio.ensure_future(asyncio.to_thread(os.waitpid, child, 0))
            try:
                _, status = await asyncio.shield(waiting)
            except asyncio.CancelledError:
                await waiting
                raise
            if status:
                _log.warning("%s could not be written", self._path)
                self._changed = True
            else:
                self.written += 1


def _fork(act: Callable[[], object]) -> int:
    """Carry something out in a child process with a copy of this one's memory; return its process id."""
    with warnings.catch_warnings():
        # Newer Pythons warn if there are threads: this child takes no lock that one of them could hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    return child
