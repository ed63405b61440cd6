"""Pictures as Telegram keeps them: the sizes of an uploaded photo, as JPEG.

Pillow is imported when the first picture comes, as most worlds have none.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from telethon.tl import types

from .rpc import RpcError

if TYPE_CHECKING:
    from PIL.Image import Image

#: The largest side of each size (core.telegram.org/api/files#image-thumbnail-types); all fit into a box.
BOXES: Final = (("s", 100), ("m", 320), ("x", 800), ("y", 1280), ("w", 2560))
#: The sides of the squares that a profile photo is cut to.
SQUARES: Final = (("a", 160), ("b", 320), ("c", 640))
#: The longest side of a thumbnail that is sent inside of messages, and what its JPEG data come after.
_STRIPPED: Final = 40
_SCAN: Final = bytes.fromhex("ffda000c03010002110311003f00")
#: The most bytes of a photo, the most of the sum of its sides, and of the ratio between them.
MAX_BYTES: Final = 10 * 1024 * 1024
_MAX_SIDES: Final = 10_000
_MAX_RATIO: Final = 20
_QUALITY: Final = 87
#: The longest side of the preview of a document.
_PREVIEW: Final = 320
#: Pixels that are scaled in some hundredths of a second.
_QUICK: Final = 400_000


@dataclass(frozen=True, slots=True)
class Size:
    """One size of a photo."""

    type: str
    width: int
    height: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo in all its sizes, smallest first, and the bytes of its stripped thumbnail."""

    sizes: tuple[Size, ...]
    stripped: bytes = field(repr=False)
    #: The sides of the original, as it stands upright.
    width: int = 0
    height: int = 0

    @property
    def square(self) -> bool:
        """Whether it has the sizes of a profile photo."""
        return self.sizes[0].type == SQUARES[0][0]

    def squared(self) -> Picture:
        """Return it as a profile photo."""
        return self if self.square else picture(self.sizes[-1].content, square=True)

    def previews(self) -> Picture:
        """Return what a document has of its picture: the largest size up to that of previews."""
        small = [one for one in self.sizes if max(one.width, one.height) <= _PREVIEW]
        size = small[-1]
        return replace(self, sizes=(replace(size, type="m"),))

    def shown(self) -> list[types.TypePhotoSize]:
        """Build the TL sizes."""
        stripped = [types.PhotoStrippedSize("i", self.stripped)] if self.stripped else []
        return stripped + [
            types.PhotoSize(one.type, one.width, one.height, len(one.content)) for one in self.sizes
        ]

    def read(self, size: str) -> bytes | None:
        """Return the bytes of a size, of the largest one for an empty name, None for an unknown name."""
        if not size:
            return self.sizes[-1].content
        return next((one.content for one in self.sizes if one.type == size), None)


def is_large(content: bytes) -> bool:
    """Return whether a picture takes so long that it must not be scaled between two calls."""
    try:
        width, height = _opened(content).size
    except RpcError:
        return False
    return width * height > _QUICK


def picture(content: bytes, *, square: bool = False) -> Picture:
    """Return the sizes of an uploaded photo; with `square`, those of a profile photo.

    Raise PHOTO_INVALID_DIMENSIONS for one that is too large or too long, IMAGE_PROCESS_FAILED for what is no
    picture. The header decides, before anything is unpacked.
    """
    if len(content) > MAX_BYTES:
        raise RpcError(400, "PHOTO_INVALID_DIMENSIONS")
    image = _opened(content)
    width, height = image.size
    if width + height > _MAX_SIDES or max(width, height) > _MAX_RATIO * min(width, height):
        raise RpcError(400, "PHOTO_INVALID_DIMENSIONS")
    plain = _plain(image)
    if square:
        side = min(plain.size)
        left, top = (plain.width - side) // 2, (plain.height - side) // 2
        plain = plain.crop((left, top, left + side, top + side))
        sizes = [_scaled(plain, name, box, box) for name, box in SQUARES]
    else:
        sizes = [_scaled(plain, name, *_within(plain, box)) for name, box in _boxes(plain)]
        if image.format == "JPEG" and plain.size == (width, height) == (sizes[-1].width, sizes[-1].height):
            # A JPEG that needs no change stays as it is, so that a test can compare what it gets back.
            sizes[-1] = replace(sizes[-1], content=content)
    return Picture(tuple(sizes), _stripped(plain), *plain.size)


def _opened(content: bytes) -> Image:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"))
    except Image.DecompressionBombError as error:
        raise RpcError(400, "PHOTO_INVALID_DIMENSIONS") from error
    except Exception as error:  # Pillow's readers raise nearly anything for damaged bytes
        raise RpcError(400, "IMAGE_PROCESS_FAILED") from error


def _plain(image: Image) -> Image:
    """Return the picture without rotation and without transparency."""
    from PIL import Image, ImageOps

    try:
        image.draft("RGB", image.size)
        image.load()
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
            clear = upright.convert("RGBA")
            ground = Image.new("RGB", clear.size, "white")
            ground.paste(clear, mask=clear.getchannel("A"))
            return ground
        return upright.convert("RGB")
    except Exception as error:  # as above
        raise RpcError(400, "IMAGE_PROCESS_FAILED") from error


def _boxes(image: Image) -> list[tuple[str, int]]:
    """Return the sizes that a photo has: those that are smaller than it, and the one that it fits into."""
    longest = max(image.size)
    fits = next((index for index, (_, box) in enumerate(BOXES) if longest <= box), len(BOXES) - 1)
    return list(BOXES[: fits + 1])


def _within(image: Image, box: int) -> tuple[int, int]:
    longest = max(image.size)
    if longest <= box:
        return image.size
    width, height = (max(1, round(side * box / longest)) for side in image.size)
    return width, height


def _scaled(image: Image, name: str, width: int, height: int) -> Size:
    scaled = image if image.size == (width, height) else image.resize((width, height))
    written = io.BytesIO()
    scaled.save(written, "JPEG", quality=_QUALITY)
    return Size(name, width, height, written.getvalue())


def _stripped(image: Image) -> bytes:
    """Return a thumbnail without the header that all of them share.

    Clients put it back (core.telegram.org/api/files#stripped-thumbnails): it has the usual tables of JPEG at
    quality 20. What is left begins with a one, the height and the width.
    """
    width, height = _within(image, _STRIPPED)
    written = io.BytesIO()
    image.resize((width, height)).save(written, "JPEG", quality=20, subsampling=2)
    scan = written.getvalue().partition(_SCAN)[2]
    return bytes((1, height, width)) + scan.removesuffix(b"\xff\xd9")
