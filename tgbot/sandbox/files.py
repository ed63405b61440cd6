"""Uploaded files: the parts, then photos and documents that any account can download."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from telethon.tl import types

from .pictures import Picture
from .rpc import RpcError

PART_LIMIT = 512 * 1024
#: The most parts of an upload.
_MAX_PARTS = 8000
#: A download is of whole units within one chunk of the file.
_UNIT, _PRECISE_UNIT, _CHUNK = 4096, 1024, 1024 * 1024
#: Limit of all stored bytes; the oldest files are dropped, as if their references had expired.
_KEPT_BYTES = 64 * 1024 * 1024
#: The most results of work ahead of calls.
_PREPARED = 32


@dataclass(slots=True)
class StoredFile:
    """A finished upload: the TL photo or document, its own bytes, and the sizes of its picture.

    A photo has no bytes of its own if it has sizes.
    """

    value: types.Photo | types.Document
    content: bytes = field(default=b"", repr=False)
    picture: Picture | None = field(default=None, repr=False)

    def read(self, thumb_size: str) -> bytes:
        """Return the file itself, or a size of its picture; raise LOCATION_INVALID."""
        if self.content and (self.picture is None or not thumb_size):
            return self.content
        found = self.picture.read(thumb_size) if self.picture is not None else None
        if found is None:
            raise RpcError(400, "LOCATION_INVALID")
        return found

    @property
    def size(self) -> int:
        """The number of bytes that are kept."""
        sizes = self.picture.sizes if self.picture is not None else ()
        return len(self.content) + sum(len(one.content) for one in sizes)


class Files:
    """Uploaded files, in a bounded amount of memory."""

    def __init__(self) -> None:
        self._parts: dict[tuple[int, int], dict[int, bytes]] = {}
        self._stored: dict[int, StoredFile] = {}
        self._bytes = 0
        #: Work that was done ahead of a call, by what it is for: `prepared`.
        self._prepared: dict[object, object] = {}
        self._work: set[asyncio.Future[None]] = set()
        #: The ids of the documents that stand for drawings which the sandbox does not have: False for those
        #: that stand still, True for those that move.
        self.blank: dict[bool, int] = {}
        #: What file references begin with, and how often all of them expired.
        self._expired = 0

    def __getstate__(self) -> dict[str, object]:
        # Work under way ends with the process.
        return self.__dict__ | {"_prepared": {}, "_work": set()}

    @property
    def reference(self) -> bytes:
        """The file reference of now."""
        return b"\x01sandbox" + self._expired.to_bytes(2, "little")

    def stored(self, file_id: int) -> bytes | None:
        """Return what is in a file, None if it is not there any more."""
        found = self._stored.get(file_id)
        return None if found is None else found.content

    def expire_references(self) -> None:
        """Have all file references expire: messages that are fetched again have new ones."""
        self._expired += 1
        for stored in self._stored.values():
            stored.value.file_reference = self.reference

    def save_part(self, account: int, file_id: int, part: int, content: bytes) -> None:
        """Store one part of an upload."""
        if not 0 <= part < _MAX_PARTS:
            raise RpcError(400, "FILE_PART_INVALID")
        if not content:
            raise RpcError(400, "FILE_PART_EMPTY")
        if len(content) > PART_LIMIT:
            raise RpcError(400, "FILE_PART_TOO_BIG")
        parts = self._parts.setdefault((account, file_id), {})
        self._bytes -= len(parts.get(part, b""))
        parts[part] = content
        self._grow(len(content))

    def peek(self, account: int, file_id: int) -> bytes:
        """Return the bytes of an upload so far."""
        parts = self._parts.get((account, file_id), {})
        return b"".join(parts[number] for number in sorted(parts))

    def expect(self, work: asyncio.Future[None], then: Callable[[], None]) -> None:
        """Keep work ahead of a call until it is done, and call `then`, unless it is cancelled."""

        def done(_: object) -> None:
            self._work.discard(work)
            if not work.cancelled():
                then()

        self._work.add(work)
        work.add_done_callback(done)

    def prepare(self, key: object, result: object) -> None:
        """Keep what was made ahead of a call, an RpcError included; the oldest of too many is dropped."""
        self._prepared[key] = result
        while len(self._prepared) > _PREPARED:
            self._prepared.pop(next(iter(self._prepared)))

    def prepared(self, key: object) -> object:
        """Take what was made ahead of a call, None for nothing; raise it if it is an RpcError."""
        found = self._prepared.pop(key, None)
        if isinstance(found, RpcError):
            raise found
        return found

    def finish(self, account: int, file_id: int, parts: int) -> bytes:
        """Return the bytes of an upload; raise FILE_PARTS_INVALID, FILE_PART_n_MISSING or _SIZE_INVALID."""
        if not 0 < parts <= _MAX_PARTS:
            raise RpcError(400, "FILE_PARTS_INVALID")
        saved = self._parts.get((account, file_id), {})
        for part in range(parts):
            if part not in saved:
                raise RpcError(400, f"FILE_PART_{part}_MISSING")
        *full, last = (len(saved[part]) for part in range(parts))
        size = full[0] if full else last
        if full and (set(full) != {size} or size % 1024 or PART_LIMIT % size or last > size):
            raise RpcError(400, "FILE_PART_SIZE_INVALID")
        del self._parts[account, file_id]
        content = b"".join(saved[part] for part in range(parts))
        self._bytes -= sum(map(len, saved.values()))
        return content

    def store(
        self,
        value: types.Photo | types.Document,
        content: bytes = b"",
        picture: Picture | None = None,
    ) -> None:
        """Store a photo or document under its id, with its own bytes, the sizes of its picture, or both."""
        stored = StoredFile(value, content, picture)
        self._grow(stored.size)
        self._stored[value.id] = stored

    def named(self, file_id: int) -> StoredFile | None:
        """Return a stored file by its id alone, None if there is none any more."""
        return self._stored.get(file_id)

    def get(self, file_id: int, access_hash: int, reference: bytes, error: str) -> StoredFile:
        """Return a stored file; raise `error` for an unknown id or a wrong hash, or FILE_REFERENCE_…."""
        stored = self._stored.get(file_id)
        if stored is None or stored.value.access_hash != access_hash:
            raise RpcError(400, error)
        if reference != self.reference:
            known = reference[:-2] == self.reference[:-2]
            ended = "EXPIRED" if known else "INVALID" if reference else "EMPTY"
            raise RpcError(400, f"FILE_REFERENCE_{ended}")
        return stored

    def _grow(self, size: int) -> None:
        self._bytes += size
        while self._bytes > _KEPT_BYTES and (self._stored or len(self._parts) > 1):
            if self._stored:
                oldest = self._stored.pop(next(iter(self._stored)))
                self._bytes -= oldest.size
            else:
                self._bytes -= sum(map(len, self._parts.pop(next(iter(self._parts))).values()))


def check_range(offset: int, limit: int, *, precise: bool) -> None:
    """Raise OFFSET_INVALID or LIMIT_INVALID for a part of a file that may not be asked for."""
    unit = _PRECISE_UNIT if precise else _UNIT
    if offset < 0 or offset % unit:
        raise RpcError(400, "OFFSET_INVALID")
    if not 0 < limit <= _CHUNK or limit % unit or (not precise and _CHUNK % limit):
        raise RpcError(400, "LIMIT_INVALID")
    if offset // _CHUNK != (offset + limit - 1) // _CHUNK:
        raise RpcError(400, "LIMIT_INVALID")
