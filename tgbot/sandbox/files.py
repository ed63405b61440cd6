"""Uploaded files: the parts, then photos and documents that any account can download."""

from __future__ import annotations

from dataclasses import dataclass, field

from telethon.tl import types

from .rpc import RpcError

PART_LIMIT = 512 * 1024
#: Limit of all stored bytes; the oldest files are dropped, as if their references had expired.
_KEPT_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class StoredFile:
    """A finished upload: the TL photo or document, and its bytes."""

    value: types.Photo | types.Document
    content: bytes = field(repr=False)


class Files:
    """Uploaded files, in a bounded amount of memory."""

    def __init__(self) -> None:
        self._parts: dict[tuple[int, int], dict[int, bytes]] = {}
        self._stored: dict[int, StoredFile] = {}
        self._bytes = 0

    def save_part(self, account: int, file_id: int, part: int, content: bytes) -> None:
        """Store one part of an upload."""
        if not content:
            raise RpcError(400, "FILE_PART_EMPTY")
        if len(content) > PART_LIMIT:
            raise RpcError(400, "FILE_PART_TOO_BIG")
        self._parts.setdefault((account, file_id), {})[part] = content
        self._grow(len(content))

    def finish(self, account: int, file_id: int, parts: int) -> bytes:
        """Return the bytes of an upload; raise FILE_PARTS_INVALID or FILE_PART_n_MISSING."""
        if parts <= 0:
            raise RpcError(400, "FILE_PARTS_INVALID")
        saved = self._parts.get((account, file_id), {})
        for part in range(parts):
            if part not in saved:
                raise RpcError(400, f"FILE_PART_{part}_MISSING")
        del self._parts[account, file_id]
        return b"".join(saved[part] for part in range(parts))

    def store(self, value: types.Photo | types.Document, content: bytes) -> None:
        """Store a photo or document under its id."""
        self._stored[value.id] = StoredFile(value, content)

    def get(self, file_id: int, access_hash: int, error: str) -> StoredFile:
        """Return a stored file; raise 400 `error` for an unknown one or a wrong hash."""
        stored = self._stored.get(file_id)
        if stored is None or stored.value.access_hash != access_hash:
            raise RpcError(400, error)
        return stored

    def _grow(self, size: int) -> None:
        self._bytes += size
        while self._bytes > _KEPT_BYTES and (self._stored or len(self._parts) > 1):
            if self._stored:
                self._bytes -= len(self._stored.pop(next(iter(self._stored))).content)
            else:
                self._bytes -= sum(map(len, self._parts.pop(next(iter(self._parts))).values()))
