"""Which encoding the text of a file has, whatever editor wrote it. Pure."""

from __future__ import annotations

import codecs
from typing import Final

#: The mark at the beginning of a file → its encoding; longer marks are in front.
_MARKS: Final = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(head: bytes) -> str:
    """Return the Python name of the encoding that the first bytes of a file show; it takes a mark away.

    Without a mark it is UTF-16 where every second byte of the first characters is 0, else UTF-8.
    """
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    even, odd = head[0:8:2], head[1:8:2]
    if len(odd) > 1 and any(even) != any(odd):
        return "utf-16-be" if any(odd) else "utf-16-le"
    return "utf-8-sig"


def decoded(content: bytes) -> str:
    """Return the text of a UTF-8 file without its byte order mark. Raise ValueError, which says why."""
    encoding = encoding_of(content)
    if encoding != "utf-8-sig":
        raise ValueError(f"it is {encoding[:6].upper()} text: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"it is not UTF-8 text (line {line}): save it as UTF-8") from None
