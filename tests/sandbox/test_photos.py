"""Photos over the wire: their sizes, what is no photo, and files by address."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from PIL import Image
from telethon import events
from telethon.tl import types
from telethon.tl.functions import messages, upload
from telethon.utils import stripped_photo_to_jpg

from tests.pictures import jpeg
from tests.sandbox.answers import refused
from tests.sandbox.conftest import Person, PlainBot
from tgbot.sandbox.server import Sandbox


async def sent(client: Any, content: bytes, name: str = "a.jpg", **options: Any) -> Any:
    file = await client.upload_file(content, file_name=name)
    media = types.InputMediaUploadedPhoto(file, **options)
    return (await client(messages.SendMediaRequest("me", media, ""))).updates[-1].message.media


def opened(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    image.load()
    return image


def png(width: int, height: int, body: bytes) -> bytes:
    """Return a PNG file with a header that may lie."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height", "sizes"),
    [
        (60, 90, [("s", 60, 90)]),
        (300, 200, [("s", 100, 67), ("m", 300, 200)]),
        (200, 1000, [("s", 20, 100), ("m", 64, 320), ("x", 160, 800), ("y", 200, 1000)]),
        (
            3000,
            1500,
            [("s", 100, 50), ("m", 320, 160), ("x", 800, 400), ("y", 1280, 640), ("w", 2560, 1280)],
        ),
    ],
    ids=["s", "m", "y", "w"],
)
async def test_a_photo_has_the_sizes_that_it_fits_into_and_each_is_downloaded(
    person: Person, width: int, height: int, sizes: list[tuple[str, int, int]]
) -> None:
    ann = await person("Ann")
    media = await sent(ann, jpeg(width, height), spoiler=True)
    assert media.spoiler
    stripped, *shown = media.photo.sizes
    assert [(size.type, size.w, size.h) for size in shown] == sizes
    small = opened(stripped_photo_to_jpg(stripped.bytes))
    most = max(width, height)
    assert (stripped.type, small.size) == ("i", (round(40 * width / most), round(40 * height / most)))
    assert abs(small.getpixel((3, 3))[2] - 160) < 12  # type: ignore[index]
    for size in shown:
        content = await ann.download_media(media, bytes, thumb=size)
        assert (len(content), opened(content).size) == (size.size, (size.w, size.h))
    whole = await ann.download_media(media, bytes)
    assert (whole == jpeg(width, height)) is (width < 2560)
    photo = media.photo
    where = types.InputPhotoFileLocation(photo.id, photo.access_hash, photo.file_reference, "q")
    with refused("LOCATION_INVALID"):
        await ann(upload.GetFileRequest(where, 0, 4096))


async def test_a_photo_of_another_format_becomes_a_jpeg_without_transparency(person: Person) -> None:
    ann = await person("Ann")
    written = BytesIO()
    Image.new("RGBA", (50, 50), (255, 0, 0, 0)).save(written, "PNG")
    image = opened(await ann.download_media(await sent(ann, written.getvalue(), "a.png"), bytes))
    assert (image.format, image.getpixel((5, 5))) == ("JPEG", (255, 255, 255))


async def test_a_photo_stands_upright(person: Person) -> None:
    ann = await person("Ann")
    written, turned = BytesIO(), Image.Exif()
    turned[0x0112] = 6  # turn it by 90 degrees
    Image.new("RGB", (60, 20), "red").save(written, "JPEG", exif=turned)
    media = await sent(ann, written.getvalue())
    assert [(size.w, size.h) for size in media.photo.sizes[1:]] == [(20, 60)]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"no picture", "IMAGE_PROCESS_FAILED"),
        (jpeg(300, 200)[:400], "IMAGE_PROCESS_FAILED"),
        (png(4000, 4000, zlib.compress(bytes(100))), "IMAGE_PROCESS_FAILED"),
        (png(60_000, 60_000, zlib.compress(bytes(100))), "PHOTO_INVALID_DIMENSIONS"),
        (jpeg(1000, 20), "PHOTO_INVALID_DIMENSIONS"),
    ],
    ids=["text", "cut", "empty", "bomb", "long"],
)
async def test_what_is_no_photo_is_refused(person: Person, content: bytes, error: str) -> None:
    ann = await person("Ann")
    with refused(error):
        await sent(ann, content)
    assert (await ann.send_message("me", "still served")).id


async def test_a_photo_that_takes_long_delays_nobody_and_its_message_comes_once(
    sandbox: Sandbox, person: Person
) -> None:
    ann, ben = await person("Ann"), await person("Ben")
    file = await ann.upload_file(jpeg(2600, 1600), file_name="a.jpg")
    media = types.InputMediaUploadedPhoto(file)
    future = ann._sender.send(messages.SendMediaRequest(types.InputPeerSelf(), media, "", random_id=5))
    await ben.send_message("me", "meanwhile")
    assert not future.done()
    answer = await future
    assert [type(update).__name__ for update in answer.updates] == ["UpdateMessageID", "UpdateNewMessage"]
    box = sandbox.world.accounts[(await ann.get_me()).id].box
    assert [copy.id for copy in box] == [answer.updates[1].message.id]


async def test_a_document_that_is_a_picture_has_its_sides_and_a_preview(person: Person) -> None:
    ann = await person("Ann")
    message = await ann.send_file("me", jpeg(800, 400), force_document=True, file_name="b.jpg")
    file = await ann.upload_file(jpeg(800, 400), file_name="a.jpg")
    media = types.InputMediaUploadedDocument(file, "image/jpeg", [types.DocumentAttributeFilename("c.jpg")])
    message = (await ann(messages.SendMediaRequest("me", media, ""))).updates[-1].message
    document = message.media.document
    assert [type(each).__name__ for each in document.attributes] == [
        "DocumentAttributeFilename",
        "DocumentAttributeImageSize",
    ]
    assert (document.attributes[1].w, document.attributes[1].h) == (800, 400)
    assert [(size.type, size.w, size.h) for size in document.thumbs[1:]] == [("m", 320, 160)]
    assert opened(await ann.download_media(message, bytes, thumb=-1)).size == (320, 160)
    assert await ann.download_media(message, bytes) == jpeg(800, 400)


# -- files by address


class Site(NamedTuple):
    """A site on loopback, and the paths that were asked for."""

    url: str
    asked: list[str]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/moved":
            raise web.HTTPFound("/a.jpg")
        if request.path == "/away":
            # Every name would lead to this machine, so only its check keeps this one from being fetched.
            raise web.HTTPFound(f"http://example.com:{request.url.port}/a.jpg")
        if request.path == "/round":
            raise web.HTTPFound("/round")
        if request.path == "/large":
            return web.Response(body=bytes(6 * 1024 * 1024))
        if request.path == "/a.jpg":
            return web.Response(body=jpeg(300, 200), content_type="image/jpeg")
        if request.path == "/a%20text.txt" or request.path == "/a text.txt":
            return web.Response(text="some text")
        raise web.HTTPNotFound

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield Site(f"http://127.0.0.1:{runner.addresses[0][1]}", asked)
    await runner.cleanup()


async def test_a_photo_and_a_document_are_fetched_from_this_machine(person: Person, site: Site) -> None:
    ann = await person("Ann")
    for path in ("/a.jpg", "/moved"):
        media = types.InputMediaPhotoExternal(site.url + path)
        message = (await ann(messages.SendMediaRequest("me", media, "look"))).updates[-1].message
        assert (message.message, message.media.photo.sizes[-1].w) == ("look", 300)
        assert await ann.download_media(message, bytes) == jpeg(300, 200)
    local = site.url.replace("127.0.0.1", "localhost")
    document = types.InputMediaDocumentExternal(local + "/a%20text.txt")
    made = (await ann(messages.UploadMediaRequest("me", document))).document
    assert (made.mime_type, made.size, made.attributes[0].file_name) == ("text/plain", 9, "a text.txt")
    assert await ann.download_media(made, bytes) == b"some text"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/none", "WEBPAGE_CURL_FAILED"),
        ("/round", "WEBPAGE_CURL_FAILED"),
        ("/large", "WEBPAGE_CURL_FAILED"),
        ("/away", "WEBPAGE_CURL_FAILED"),
        ("/a%20text.txt", "WEBPAGE_MEDIA_EMPTY"),
    ],
)
async def test_what_is_no_photo_at_an_address_is_refused(
    person: Person, site: Site, path: str, error: str
) -> None:
    ann = await person("Ann")
    with refused(error):
        await ann(messages.SendMediaRequest("me", types.InputMediaPhotoExternal(site.url + path), ""))
    assert 0 < len(site.asked) <= 5
    with refused("WEBPAGE_CURL_FAILED"):
        there = (site.url + "/a.jpg").replace("127.0.0.1", "example.com")
        await ann(messages.SendMediaRequest("me", types.InputMediaPhotoExternal(there), ""))


@pytest.mark.parametrize(
    "url",
    [
        "http://203.0.113.7/a.jpg",
        "http://example.com/a.jpg",
        "http://127.0.0.1.example.com/a.jpg",
        "http://localhost@203.0.113.7/",
        "http://[::ffff:203.0.113.7]/",
        "http://127.0.0.1:99999/",
        "file:///etc/hostname",
        "ftp://127.0.0.1/a",
        "http://[",
        "",
    ],
)
async def test_no_address_of_another_machine_is_fetched(person: Person, url: str) -> None:
    ann = await person("Ann")
    for kind in (types.InputMediaPhotoExternal, types.InputMediaDocumentExternal):
        with refused("WEBPAGE_CURL_FAILED"):
            await ann(messages.SendMediaRequest("me", kind(url), ""))


async def test_an_inline_result_is_fetched_from_this_machine(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot, site: Site
) -> None:
    token = sandbox.new_bot("pic_bot").token
    profile = sandbox.world.accounts[int(token.partition(":")[0])].profile
    assert profile is not None
    profile.inline = "Search"
    bot, ann = await plain_bot(token), await person("Ann")

    async def answer(event: Any) -> None:
        auto = types.InputBotInlineMessageMediaAuto("look")
        results = []
        for number, (kind, path) in enumerate((("photo", "/a.jpg"), ("gif", "/a%20text.txt")) * 2):
            there = types.InputWebDocument(site.url + path, 0, "image/jpeg", [])
            results.append(types.InputBotInlineResult(str(number), kind, auto, thumb=there, content=there))
        await bot(messages.SetInlineBotResultsRequest(event.id, results, 0))

    bot.add_event_handler(answer, events.InlineQuery())
    photo, gif, *_ = await ann.inline_query("pic_bot", "x")
    made = await photo.click("me")
    assert (made.raw_text, made.photo.sizes[-1].w) == ("look", 300)
    animated = (await gif.click("me")).document
    assert any(isinstance(each, types.DocumentAttributeAnimated) for each in animated.attributes)
