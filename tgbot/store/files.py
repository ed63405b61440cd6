"""The bot's files as the system has them: private, whole, and still the ones that were opened."""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tgbot.core.errors import StorageFailedError, StorageFullError, StorageGoneError, system_reason

logger = logging.getLogger(__name__)

#: Files that the bot has in its directory, and those that come with the directory.
_OURS: Final = re.compile(
    r"bot\.(session.*|lock|control|running.*|backup-failed)|(users|logins)\.sqlite.*|\.?before-.*"
    r"|README\.md|\.gitignore"
)
_PRIVATE: Final = 0o600


def private_directory(path: Path) -> None:
    """Make the directory if it is missing, for its owner only (mode 0700).

    A directory that root makes in somebody else's belongs to them.
    One of ours that is there gets that mode. A directory with files of others keeps its mode, which is
    logged: our files in it are private.
    """
    with disk_errors(path):
        try:
            path.mkdir(mode=0o700, parents=True)
            around = path.parent.stat()
            if os.geteuid() == 0 and around.st_uid != 0:
                # Whoever owns what is around could put a link in its place.
                os.chown(path, around.st_uid, around.st_gid, follow_symlinks=False)
        except FileExistsError:
            status = path.stat()
            if status.st_uid != os.geteuid() or not status.st_mode & 0o077 or not path.is_dir():
                return
            if all(map(is_ours, os.listdir(path))):
                path.chmod(0o700)
            else:
                logger.warning("other users may look into %s: give the bot a directory of its own", path)


def is_ours(name: str) -> bool:
    """Return whether a file of this name in the bot's directory is the bot's, or comes with the directory."""
    return _OURS.fullmatch(name) is not None


def give_to_owner(directory: Path) -> None:
    """Let what root has made in somebody else's directory be theirs: the bot runs as its owner."""
    owner = directory.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    with disk_errors(directory):
        for place, directories, names, fd in os.fwalk(directory):
            directories[:] = filter(is_ours, directories)
            for name in (*directories, *(names if place != str(directory) else filter(is_ours, names))):
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                # A file with a second name may be one of root's elsewhere.
                if found.st_uid == 0 and (name in directories or found.st_nlink == 1):
                    os.chown(name, owner.st_uid, owner.st_gid, dir_fd=fd, follow_symlinks=False)


def open_private(path: Path) -> int:
    """Open a file for reading and writing, made if it is missing; only its owner may read it (mode 0600).

    A symbolic link is refused: what lies beside a file is looked for beside its name, by the bot and by
    backups, but SQLite puts it beside the file that the link leads to.
    """
    with disk_errors(path):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _PRIVATE)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise StorageFailedError(path, "it is a symbolic link; link the whole directory") from None
            raise
        if os.fstat(fd).st_mode & 0o077:
            try:
                os.fchmod(fd, _PRIVATE)
            except BaseException:
                os.close(fd)
                raise
        return fd


def make_private(path: Path) -> None:
    """Make a database file and its directory if they are missing, and all that lies beside it private.

    No connection to it may be open in this process.
    """
    if not path.parent.exists():
        private_directory(path.parent)
    os.close(open_private(path))
    for other in (*beside(path), path.with_name(f"{path.name}-journal")):
        with disk_errors(other), suppress(FileNotFoundError):
            status = other.lstat()
            if stat.S_ISLNK(status.st_mode):
                raise StorageFailedError(other, "it is a symbolic link")
            if status.st_mode & 0o077:
                other.chmod(_PRIVATE)


def beside(path: Path) -> tuple[Path, Path]:
    """Return the names of the two files that SQLite keeps beside one: its log and its shared memory."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


class OpenFile:
    """A file that is open under its name; `database` is one whose log and shared memory are open, too."""

    def __init__(self, path: Path, *, database: bool = False) -> None:
        self._path = path
        self._beside = beside(path) if database else ()
        self._seen = {path: _identity(path)}

    def check(self) -> None:
        """Raise StorageGoneError if a file was deleted, or another one has its name."""
        for path in (self._path, *self._beside):
            found, known = _identity(path), self._seen.get(path)
            # SQLite makes the files beside when they are needed, and keeps them until it closes the file.
            if known is None and path != self._path:
                self._seen[path] = found
            elif found is None or found != known:
                raise StorageGoneError(path)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Map OSError to a StorageError that names the file: StorageFullError, else StorageFailedError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(path) from error
        raise StorageFailedError(path, denied(path) or system_reason(error)) from error


def denied(path: Path) -> str | None:
    """Return which mode and owner keep this process from a file, None if nothing does."""
    for file in (path.parent, path, *beside(path)):
        try:
            status = file.stat()
        except OSError:
            continue
        if not os.access(file, os.R_OK | os.W_OK | (os.X_OK if stat.S_ISDIR(status.st_mode) else 0)):
            mode = stat.S_IMODE(status.st_mode)
            return (
                f"{file} has mode {mode:04o} and belongs to uid {status.st_uid}, "
                f"and this process runs as uid {os.geteuid()}"
            )
    return None


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name beside the path for a new file; it gets its own name when it is complete and on disk.

    A file of that name is replaced. If the block raises, nothing is left.
    """
    part = path.with_name(f".{path.name}.part{path.suffix}")
    with disk_errors(path):
        part.unlink(missing_ok=True)
        try:
            yield part
            sync(part)
            part.replace(path)
            sync(path.parent)
        finally:
            part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return which file has this name, None if none has."""
    with disk_errors(path):
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_dev, status.st_ino
