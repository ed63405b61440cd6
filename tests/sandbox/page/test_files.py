"""Files go up and come down through the page as somebody, and never run in it."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from PIL import Image

from tests.patience import PATIENCE
from tgbot.sandbox.page.files import MAX_FILE
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.server import Sandbox

from .conftest import Asked

PART = 512 << 10


@pytest.fixture
async def browser(page: Page) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session whose requests say that they come from the page."""
    where = urlsplit(page.address)
    origin, patience = f"{where.scheme}://{where.netloc}", aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(headers={"Origin": origin}, timeout=patience) as browser:
        yield browser


async def uploaded(
    browser: aiohttp.ClientSession, page: Page, account: int, content: bytes, name: str
) -> Any:
    """Upload a file, and return its InputFile."""
    async with browser.post(
        f"{page.address}upload", params={"as": account, "name": name}, data=io.BytesIO(content)
    ) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def sent(tab: Asked, account: int, to: int, medium: dict[str, object]) -> Any:
    """Send a medium as somebody to a person whom they find by a username; return the message's media."""
    name = f"user_{to}"
    await tab.ask("change", account=to, username=name)
    user = (await tab.call(account, "contacts.resolveUsername", username=name))["users"][0]
    peer = {"_": "inputPeerUser", "user_id": to, "access_hash": user["access_hash"]}
    answer = await tab.call(account, "messages.sendMedia", peer=peer, media=medium, message="", random_id="7")
    assert "error" not in answer, answer
    return next(each for each in answer["updates"] if each["_"] == "updateNewMessage")["message"]["media"]


def place(kind: str, held: dict[str, Any], size: str = "") -> str:
    """Return the location of a photo or document as TL JSON."""
    fields = {name: held[name] for name in ("id", "access_hash", "file_reference")}
    return json.dumps({"_": f"input{kind}FileLocation", **fields, "thumb_size": size})


@pytest.mark.parametrize("size", [1, PART, PART + 1, (10 << 20) + 5])
async def test_a_file_comes_down_as_it_went_up(
    tab: Asked, page: Page, browser: aiohttp.ClientSession, size: int
) -> None:
    anna, boris = [await tab.ask("add", name=name) for name in ("Anna", "Boris")]
    content = bytes(range(251)) * (size // 251 + 1)
    content = content[:size]
    file = await uploaded(browser, page, anna["id"], content, "numbers.bin")
    medium = {
        "_": "inputMediaUploadedDocument",
        "file": file,
        "mime_type": "application/x-numbers",
        "attributes": [],
    }
    document = (await sent(tab, anna["id"], boris["id"], medium))["document"]
    assert document["size"] == size
    asked = {"as": anna["id"], "location": place("Document", document), "name": "numbers.bin"}
    async with browser.get(f"{page.address}file", params=asked) as answer:
        assert (answer.status, await answer.read()) == (200, content)
    async with browser.get(f"{page.address}file", params=asked, headers={"Range": "bytes=0-9"}) as answer:
        assert answer.status == 206
        assert await answer.read() == content[:10]
        assert answer.headers["Content-Range"] == f"bytes 0-{min(9, size - 1)}/{size}"


async def test_a_photo_is_shown_by_the_browser(
    tab: Asked, page: Page, browser: aiohttp.ClientSession
) -> None:
    anna, boris = [await tab.ask("add", name=name) for name in ("Anna", "Boris")]
    buffer = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(buffer, "PNG")
    file = await uploaded(browser, page, anna["id"], buffer.getvalue(), "sea.png")
    photo = (await sent(tab, anna["id"], boris["id"], {"_": "inputMediaUploadedPhoto", "file": file}))[
        "photo"
    ]
    size = photo["sizes"][-1]["type"]
    asked = {"as": anna["id"], "location": place("Photo", photo, size), "type": "image/jpeg"}
    async with browser.get(f"{page.address}file", params=asked) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["Content-Disposition"].startswith("inline")
        assert Image.open(io.BytesIO(await answer.read())).width > 0


@pytest.mark.parametrize(
    "kind",
    ["text/html", "image/svg+xml", "application/pdf", "text/javascript", "image/png; x", "", "IMAGE/PNG"],
)
async def test_what_could_run_in_the_page_is_a_download(
    tab: Asked, page: Page, browser: aiohttp.ClientSession, kind: str
) -> None:
    anna, boris = [await tab.ask("add", name=name) for name in ("Anna", "Boris")]
    file = await uploaded(browser, page, anna["id"], b"<script>alert(1)</script>", "a.html")
    medium = {"_": "inputMediaUploadedDocument", "file": file, "mime_type": "text/html", "attributes": []}
    document = (await sent(tab, anna["id"], boris["id"], medium))["document"]
    asked = {"as": anna["id"], "location": place("Document", document), "type": kind, "name": 'a"\r\nb.html'}
    async with browser.get(f"{page.address}file", params=asked) as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%22%0D%0Ab.html"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_a_file_of_others_or_none_is_refused_in_words(
    tab: Asked, page: Page, browser: aiohttp.ClientSession
) -> None:
    anna = await tab.ask("add", name="Anna")
    wrong = {"id": 1, "access_hash": 2, "file_reference": "AAAA"}
    for asked, told in [
        ({"as": anna["id"], "location": place("Document", wrong)}, "FILE_REFERENCE"),
        ({"as": anna["id"], "location": "{"}, "not JSON"),
        ({"as": anna["id"], "location": "7"}, "upload.getFile.location"),
        ({"as": 1, "location": place("Document", wrong)}, "nobody"),
        ({"location": "{}"}, "account id"),
    ]:
        async with browser.get(f"{page.address}file", params=asked) as answer:
            assert answer.status == 400
            assert told in await answer.text()


async def test_only_the_page_itself_uploads_and_only_what_the_sandbox_can_keep(
    sandbox: Sandbox, tab: Asked, page: Page, browser: aiohttp.ClientSession
) -> None:
    anna = await tab.ask("add", name="Anna")
    asked = {"as": anna["id"], "name": "x"}
    evil = {"Origin": "http://evil.example"}
    async with browser.post(f"{page.address}upload", params=asked, data=b"x", headers=evil) as answer:
        assert answer.status == 403
    async with browser.post(f"{page.address}upload", params=asked, data=b"") as answer:
        assert (answer.status, "empty" in await answer.text()) == (400, True)
    headers = {"Content-Length": str(MAX_FILE + 1)}
    async with browser.post(f"{page.address}upload", params=asked, headers=headers) as answer:
        assert (answer.status, "32 MB" in await answer.text()) == (413, True)
