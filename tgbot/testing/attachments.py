"""What people send besides texts."""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path
from typing import Any, Final, TypeAlias

from telethon.tl import types

#: The contents of a file, its path, or True for a picture of one pixel.
Picture: TypeAlias = bytes | Path | bool

_PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)


async def photo(
    client: Any, picture: Picture
) -> types.InputMediaUploadedPhoto:  # Any: a client of Telethon's
    """Upload a picture, as it is."""
    content = _PIXEL if isinstance(picture, bool) else _content(picture)
    return types.InputMediaUploadedPhoto(await client.upload_file(content, file_name="photo.png"))


async def document(
    client: Any,  # Any: a client of Telethon's
    file: bytes | Path,
    name: str,
) -> types.InputMediaUploadedDocument:
    """Upload a file, with the MIME type that its name stands for."""
    name = name or (file.name if isinstance(file, Path) else "file.bin")
    uploaded = await client.upload_file(_content(file), file_name=name)
    attributes = [types.DocumentAttributeFilename(name)]
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return types.InputMediaUploadedDocument(uploaded, kind, attributes, force_file=True)


def contact(phone: str, name: str) -> types.InputMediaContact:
    """Return a contact."""
    return types.InputMediaContact(phone, name, "", "")


def location(latitude: float, longitude: float) -> types.InputMediaGeoPoint:
    """Return a place on the map."""
    return types.InputMediaGeoPoint(types.InputGeoPoint(latitude, longitude))


def _content(file: bytes | Path) -> bytes:
    return file.read_bytes() if isinstance(file, Path) else file
