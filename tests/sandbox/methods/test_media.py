"""Uploads and downloads: parts, ranges, references, data centres."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5
from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.functions import messages, upload

from tests.pictures import jpeg
from tests.sandbox.methods.direct import Client, refused
from tgbot.sandbox.world import World

PART = 32 * 1024
CONTENT = bytes(range(256)) * 512


@pytest.fixture
def bot(new_bot: Callable[..., Client]) -> Client:
    return new_bot("the_bot")


def save(client: Client, content: bytes, *sizes: int) -> int:
    """Upload the parts of a file; return their number."""
    at = 0
    for number, size in enumerate(sizes):
        assert client(upload.SaveFilePartRequest(7, number, content[at : at + size]))
        at += size
    return len(sizes)


def made(client: Client, to: Client, parts: int, checksum: str = "", **options: Any) -> Any:
    """Return the document that an upload becomes."""
    file = types.InputFile(7, parts, "a.bin", checksum)
    media = types.InputMediaUploadedDocument(file, "x/y", [], **options)
    return client(messages.UploadMediaRequest(client.peer(to), media)).document


def read(client: Client, document: Any, offset: int, limit: int, **options: Any) -> bytes:
    size = options.pop("size", "")
    where = types.InputDocumentFileLocation(document.id, document.access_hash, document.file_reference, size)
    return bytes(client(upload.GetFileRequest(where, offset, limit, **options)).bytes)


@pytest.fixture
def document(ann: Client, bot: Client) -> Any:
    ann.send(bot)
    return made(bot, ann, save(bot, CONTENT, *[PART] * 4))


def test_a_file_is_read_in_any_order(bot: Client, document: Any) -> None:
    assert document.size == len(CONTENT)
    parts = {offset: read(bot, document, offset, 4096) for offset in (8192, 0, 4096)}
    assert all(part == CONTENT[offset:][:4096] for offset, part in parts.items())
    assert read(bot, document, len(CONTENT) - 4096, 8192) == CONTENT[-4096:]
    assert read(bot, document, 1024 * 1024, 4096) == b""


@pytest.mark.parametrize(
    ("offset", "limit", "precise", "error"),
    [
        (1, 4096, False, "OFFSET_INVALID"),
        (1024, 4096, False, "OFFSET_INVALID"),
        (-4096, 4096, False, "OFFSET_INVALID"),
        (1, 1024, True, "OFFSET_INVALID"),
        (0, 0, False, "LIMIT_INVALID"),
        (0, 1000, False, "LIMIT_INVALID"),
        (0, 12288, False, "LIMIT_INVALID"),
        (0, 2 * 1024 * 1024, False, "LIMIT_INVALID"),
        (4096, 1024 * 1024, False, "LIMIT_INVALID"),
        (1024, 1024 * 1024, True, "LIMIT_INVALID"),
    ],
)
def test_a_range_that_telegram_does_not_give_is_refused(
    bot: Client, document: Any, offset: int, limit: int, precise: bool, error: str
) -> None:
    with refused(error):
        read(bot, document, offset, limit, precise=precise)


def test_a_precise_range_is_of_smaller_units(bot: Client, document: Any) -> None:
    assert read(bot, document, 1024, 3072, precise=True) == CONTENT[1024:4096]


@pytest.mark.parametrize("sizes", [(PART, PART, 2 * PART), (3000, 3000), (PART, 1024, PART)])
def test_parts_of_sizes_that_do_not_fit_are_refused(
    ann: Client, bot: Client, sizes: tuple[int, ...], document: Any
) -> None:
    parts = save(bot, CONTENT, *sizes)
    with refused("FILE_PART_SIZE_INVALID"):
        made(bot, ann, parts)


def test_an_upload_that_is_not_whole_is_refused(ann: Client, bot: Client, document: Any) -> None:
    for wrong in (-1, 8000):
        with refused("FILE_PART_INVALID"):
            bot(upload.SaveFilePartRequest(7, wrong, b"x"))
    save(bot, CONTENT, PART, PART)
    with refused("FILE_PARTS_INVALID"):
        made(bot, ann, 0)
    with refused("FILE_PART_2_MISSING"):
        made(bot, ann, 3)
    with refused("MD5_CHECKSUM_INVALID"):
        made(bot, ann, 2, "0" * 32)
    save(bot, CONTENT, PART, PART)
    checksum = md5(CONTENT[: 2 * PART], usedforsecurity=False).hexdigest()
    assert made(bot, ann, 2, checksum).size == 2 * PART


def test_a_reference_expires_and_a_message_that_is_fetched_again_has_a_new_one(
    world: World, ann: Client, bot: Client, document: Any
) -> None:
    media = types.InputMediaDocument(
        types.InputDocument(document.id, document.access_hash, document.file_reference)
    )
    sent = bot(messages.SendMediaRequest(bot.peer(ann), media, "", random_id=1))
    number = next(one.message.id for one in sent.updates if hasattr(one, "message"))
    old = document.file_reference
    world.files.expire_references()
    document.file_reference = old
    with refused("FILE_REFERENCE_EXPIRED"):
        read(bot, document, 0, 4096)
    for reference, error in ((b"", "FILE_REFERENCE_EMPTY"), (b"junk", "FILE_REFERENCE_INVALID")):
        document.file_reference = reference
        with refused(error):
            read(bot, document, 0, 4096)
    world.files.expire_references()
    found = bot(messages.GetMessagesRequest([types.InputMessageID(number)])).messages[0].media.document
    assert read(bot, found, 0, 4096) == CONTENT[:4096]


def test_a_file_stays_in_the_data_centre_of_who_uploaded_it(
    world: World, ann: Client, bot: Client, document: Any
) -> None:
    assert document.dc_id == 2
    world.files.get(document.id, document.access_hash, document.file_reference, "").value.dc_id = 4
    with refused("FILE_MIGRATE_4", 303):
        read(bot, document, 0, 4096)
    bot.caller.login.dc_id = 4
    assert read(bot, document, 0, 4096) == CONTENT[:4096]


def test_a_document_has_its_preview_beside_it(ann: Client, bot: Client, document: Any) -> None:
    bot(upload.SaveFilePartRequest(8, 0, jpeg(200, 100)))
    parts = save(bot, CONTENT, PART)
    shown = made(bot, ann, parts, thumb=types.InputFile(8, 1, "p.jpg", ""))
    assert [(size.type, size.size) for size in shown.thumbs[1:]] == [("m", len(jpeg(200, 100)))]
    assert read(bot, shown, 0, 4096, size="m") == jpeg(200, 100)
    assert read(bot, shown, 0, 4096) == CONTENT[:4096]


@pytest.mark.parametrize(
    "media",
    [types.InputMediaPhoto(types.InputPhotoEmpty()), types.InputMediaDocument(types.InputDocumentEmpty())],
)
def test_an_empty_photo_or_document_is_no_medium(bot: Client, media: Any) -> None:
    with refused("MEDIA_EMPTY"):
        bot(messages.UploadMediaRequest(types.InputPeerSelf(), media))
