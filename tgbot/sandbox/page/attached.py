"""What people send besides texts, as the source of a test."""

from __future__ import annotations

import base64
from typing import Final

from .records import Media, Said
from .wording import literal

#: More bytes than this are written as base64.
_READABLE: Final = 400
#: A file larger than this is written as so many zeros, a picture as one of one pixel, with a comment.
_MOST: Final = 4096


def picture(record: Said, lacks: list[str]) -> str:
    """Return the source of what is on a picture; what of it is not in the test is added to `lacks`."""
    match [*record.content]:
        case [bytes(content)] if len(content) <= _MOST:
            return content_of(content)
    lacks.append("what is on the next picture")
    return "True"


def sending(record: Said, lacks: list[str]) -> str:
    """Return the arguments with which a person sends what is no text."""
    match record.media, [*record.content]:
        case Media.PHOTO, _:
            return f"photo={picture(record, lacks)}"
        case Media.FILE, [bytes(content), str(name)]:
            if len(content) > _MOST:
                lacks.append(f"what is in the next file, which has {len(content)} bytes")
            inside = content_of(content) if len(content) <= _MOST else f"bytes({len(content)})"
            return f"file={inside}, file_name={literal(name)}"
        case Media.CONTACT, [str(phone), str(name)]:
            return f"contact=({literal(phone)}, {literal(name)})" if phone else "contact=True"
        case Media.LOCATION, [latitude, longitude]:
            return f"location=({latitude!r}, {longitude!r})"
    raise TypeError(record.media)


def content_of(content: bytes) -> str:
    """Return bytes as source: a literal if they are few and can be read, else base64."""
    if len(content) <= _READABLE and all(32 <= byte < 127 or byte in b"\r\n\t" for byte in content):
        return repr(content)
    return f"base64.b64decode({literal(base64.b64encode(content).decode())})"
