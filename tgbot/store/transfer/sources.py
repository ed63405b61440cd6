"""The bytes of a file of users as UTF-8, whatever its encoding and its line ends are."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tgbot.core.encodings import encoding_of

#: How much is read at once, in bytes.
CHUNK: Final = 256 * 1024


class Utf8Source(io.RawIOBase):
    """A file for reading, as UTF-8 without a byte order mark, a lone CR at the end of lines as LF."""

    def __init__(self, path: Path, count: Callable[[int], None]) -> None:
        """Open the file; `count` is told how many bytes of it were read."""
        self._file = path.open("rb", buffering=0)
        head = self._file.read(CHUNK)
        encoding = encoding_of(head)
        self._decoder = None if encoding == "utf-8-sig" else codecs.getincrementaldecoder(encoding)("replace")
        mark = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
        self._file.seek(mark)
        text = head.decode(encoding, "replace")
        self._old_mac = "\r" in text and "\n" not in text
        self._count, self._done = count, mark

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what io.BufferedReader gives
        content = b""
        while not content:
            # UTF-16 becomes half as long again at most.
            data = self._file.read(len(buffer) // 2 if self._decoder else len(buffer))
            self._done += len(data)
            content = self._decoder.decode(data).encode() if self._decoder else data
            if not data:
                break
        self._count(self._done)
        if self._old_mac:
            content = content.replace(b"\r", b"\n")
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()
