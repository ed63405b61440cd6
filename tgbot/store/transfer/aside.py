"""A large file of users is read by a process of its own, while this one writes what it has read."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import IO, Final

import msgspec

from tgbot.core.access import Access
from tgbot.store.json_text import UNREADABLE, dumps
from tgbot.store.peers import Peer
from tgbot.store.transfer.entries import Entry
from tgbot.store.transfer.forms import UserFile
from tgbot.store.transfer.newcomers import comes_by_import, pack_as_new
from tgbot.store.transfer.tables import Refused
from tgbot.store.user_json import StoredUser, pack

#: A smaller file is read before another process has started, in bytes.
LARGE: Final = 16 * 1024 * 1024
#: Entries that are sent at once.
_SENT: Final = 500
#: The bytes of a number that says how long the next message is.
_LENGTH: Final = 4


class _Asked(msgspec.Struct):
    """What is to be read: the arguments of a `UserFile`."""

    path: str
    bot_id: int
    now: int
    same_bot: bool
    id_name: str


class _Row(msgspec.Struct, array_like=True, gc=False):
    """An entry on its way: the user as packed text, as it is stored if nothing is stored, and the peer.

    Where both texts are of one user, only the second is sent.
    """

    id: int
    said: bytes | None
    packed: str | None
    access: Access | None
    peer: tuple[int, tuple[str, ...], str | int | None, str | None, int] | None
    partial: bool


class _Sent(msgspec.Struct, array_like=True, gc=False):
    """Entries that follow each other, and what was refused between them."""

    rows: list[_Row]
    refused: list[tuple[int, str]]
    #: How much of the file was read.
    done: int
    #: Column, reason, and how many of its cells were left out so far.
    unclear: list[tuple[str, str, int]]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Sent).decode


class ReadAside:
    """The entries of a file that another process reads, as a `UserFile` has them; `close` ends the process.

    If the process ends before it has read everything, the rest is read in this one.
    """

    def __init__(self, file: UserFile, now: int, *, same_bot: bool, id_name: str) -> None:
        self._file = file
        self._asked = _Asked(str(file.path.absolute()), file.bot_id, now, same_bot, id_name)
        self._process: subprocess.Popen[bytes] | None = None
        #: How much has been read.
        self.done = 0

    def entries(self, refused: Refused) -> Iterator[Entry]:
        """Yield each entry in the order of the file, packed; unreadable entries are reported and skipped."""
        number = told = 0
        whole = False
        for sent in self._sent():
            if sent is None:
                whole = True
                break
            for line, reason in sent.refused:
                refused(line, reason)
            told += len(sent.refused)
            for row in sent.rows:
                yield _entry_of(row)
            number += len(sent.rows)
            self.done = sent.done
            self._file.unclear.update({(column, why): count for column, why, count in sent.unclear})
        if not whole:
            yield from self._rest(number, told, refused)

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def _sent(self) -> Iterator[_Sent | None]:
        """Yield what the process sends, and None at the end of the file."""
        command = [sys.executable, "-c", f"from {__name__} import send; send()"]
        with suppress(OSError):  # no process can be made: this one reads the file
            # In a group of its own: Ctrl-C is for this process, which ends the other one.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
            )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with suppress(BrokenPipeError), closing(self._process.stdin) as asking:
                asking.write(msgspec.json.encode(self._asked))
            while (length := self._process.stdout.read(_LENGTH)) and len(length) == _LENGTH:
                data = self._process.stdout.read(int.from_bytes(length))
                if not data:
                    yield None
                    return
                try:
                    yield _decode(data)
                except UNREADABLE:
                    return  # it was cut off

    def _rest(self, number: int, told: int, refused: Refused) -> Iterator[Entry]:
        """Yield the entries behind the first `number`; the first `told` refusals were reported."""
        self._file.unclear.clear()
        count = 0

        def report(line: int, reason: str) -> None:
            nonlocal count
            count += 1
            if count > told:
                refused(line, reason)

        for entry in islice(self._file.entries(report), number, None):
            self.done = self._file.done
            yield entry


def worth_it(file: UserFile) -> bool:
    """Return whether a file is large enough, and another processor there, to read it aside."""
    return file.path.stat().st_size >= LARGE and len(os.sched_getaffinity(0)) > 1


# ---- the process that reads ----------------------------------------------------------------------


def send() -> None:
    """Read the file that standard input names, and write its entries to standard output."""
    gc.disable()  # no entry is in a cycle
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=_Asked)
    file = UserFile(Path(asked.path), asked.bot_id, asked.now, same_bot=asked.same_bot, id_name=asked.id_name)
    out = sys.stdout.buffer
    refused: list[tuple[int, str]] = []
    entries = file.entries(lambda line, reason: refused.append((line, reason)))
    try:
        while True:
            some = list(islice(entries, _SENT))
            pack_as_new(some, asked.now)
            unclear = [(*what, count) for what, count in file.unclear.items()]
            file.unclear.clear()
            _write(out, _encode(_Sent(list(map(_row_of, some)), refused[:], file.done, unclear)))
            refused.clear()
            if len(some) < _SENT:
                break
        _write(out, b"")
        out.flush()
    except BrokenPipeError:  # nobody wants the rest; what is still to be flushed at the end goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(out: IO[bytes], data: bytes) -> None:
    out.write(len(data).to_bytes(_LENGTH))
    out.write(data)


def _row_of(entry: Entry) -> _Row:
    said, peer = entry.said, entry.peer
    packed, access = entry.packed or (None, None)
    text: bytes | None = None
    if said is not None and not isinstance(said, bytes) and (packed is None or comes_by_import(said)):
        text = (dumps(said) if isinstance(said, StoredUser) else pack(said)).encode()
    sent = None if peer is None else (peer.access_hash, peer.names, peer.phone, peer.title, peer.seen)
    return _Row(entry.id, text, packed, access, sent, entry.partial)


def _entry_of(row: _Row) -> Entry:
    packed, said = row.packed, row.said
    if said is None and packed is not None:
        said = packed.encode()
    entry = Entry(row.id, said, None if row.peer is None else Peer(*row.peer), row.partial)
    if packed is not None and row.access is not None:
        entry.packed = packed, row.access
    return entry
