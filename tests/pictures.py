"""Small pictures to send."""

from __future__ import annotations

from functools import cache
from io import BytesIO

from PIL import Image


@cache
def jpeg(width: int = 40, height: int = 30, number: int = 0) -> bytes:
    """Return a JPEG file; another number is another colour."""
    written = BytesIO()
    Image.new("RGB", (width, height), (number * 40 % 256, 90, 160)).save(written, "JPEG")
    return written.getvalue()
