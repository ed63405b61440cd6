"""Uploaded files: the parts, then photos and documents that any account can download."""

from __future__ import annotations

from dataclasses import dataclass, field

from telethon.tl import types

from .rpc import RpcError

PART_LIMIT = 512 * 1024
#: The most parts of an upload.
_MAX_PARTS = 8000
#: A download is of whole units within one chunk of the file.
_UNIT, _PRECISE_UNIT, _CHUNK = 4096, 1024, 1024 * 1024
#: Limit of all stored bytes; the oldest files are dropped, as if their references had expired.
_KEPT_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class StoredFile:
    """A finished upload: the TL photo or document, its bytes, and those of its preview."""

    value: types.Photo | types.Document
    content: bytes = field(repr=False)
    preview: bytes = field(default=b"", repr=False)

    def read(self, thumb_size: str) -> bytes:
        """Return the bytes of the file itself, or of a document's preview."""
        return self.preview if thumb_size and isinstance(self.value, types.Document) else self.content


class Files:
    """Uploaded files, in a bounded amount of memory."""

    def __init__(self) -> None:
        self._parts: dict[tuple[int, int], dict[int, bytes]] = {}
        self._stored: dict[int, StoredFile] = {}
        self._bytes = 0
        #: What file references begin with, and how often all of them expired.
        self._expired = 0

    @property
    def reference(self) -> bytes:
        """The file reference of now."""
        return b"\x01sandbox" + self._expired.to_bytes(2, "little")

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

    def store(self, value: types.Photo | types.Document, content: bytes, preview: bytes = b"") -> None:
        """Store a photo or document under its id."""
        self._grow(len(content) + len(preview))
        self._stored[value.id] = StoredFile(value, content, preview)

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
                self._bytes -= len(oldest.content) + len(oldest.preview)
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
