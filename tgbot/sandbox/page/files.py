"""Files of the page: uploads and downloads of a person, by the same methods as over the wire."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import re
import secrets
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

from aiohttp import web

from ..rpc import RpcError
from .apps import Apps
from .tabs import DeedError

#: The most bytes of one file; the sandbox keeps 64 MiB of all files together.
MAX_FILE: Final = 32 << 20
_PART: Final = 512 << 10
#: Files above this have to be uploaded by saveBigFilePart.
_SMALL: Final = 10 << 20
#: What a browser may show by itself. A page or a script of somebody else must never run in this origin.
_SHOWN: Final = re.compile(
    r"image/(?:jpeg|png|gif|webp)|video/(?:mp4|webm)|audio/(?:mpeg|ogg|mp4|wav|webm)", re.ASCII
)
_RANGE: Final = re.compile(r"bytes=([0-9]{1,12})-([0-9]{0,12})", re.ASCII)


class Files:
    """Serve `file`, which downloads a file as somebody, and take `upload`, which uploads one.

    `file?as=…&location=…` has an InputFileLocation as TL JSON; `type` and `name` are what the message says of
    the file. `POST upload?as=…&name=…` has the file as its body, and is answered with its InputFile as TL
    JSON.
    """

    def __init__(self, apps: Apps) -> None:
        self._apps = apps
        self.routes: Sequence[web.RouteDef] = (
            web.get("/file", self._download),
            web.post("/upload", self._upload),
        )

    async def _download(self, request: web.Request) -> web.Response:
        account = _account(request)
        try:
            location = json.loads(request.query.get("location", ""))
        except (ValueError, RecursionError):
            raise web.HTTPBadRequest(text="The location is not JSON.\n") from None
        content = await self._read(account, location)
        headers, status = self._headers(request), 200
        if (wanted := _RANGE.fullmatch(request.headers.get("Range", ""))) is not None:
            first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
            if first <= last:
                headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
                content, status = content[first : last + 1], 206
        return web.Response(body=content, status=status, headers=headers)

    def _headers(self, request: web.Request) -> dict[str, str]:
        given = request.query.get("type", "")
        shown = _SHOWN.fullmatch(given) is not None
        name = quote(request.query.get("name", "") or "file", safe="")
        return {
            "Content-Type": given if shown else "application/octet-stream",
            "Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{name}",
            "Accept-Ranges": "bytes",
        }

    async def _read(self, account: int, location: object) -> bytes:
        content = bytearray()
        while True:
            part = await self._call(
                account, {"_": "upload.getFile", "location": location, "offset": len(content), "limit": _PART}
            )
            content += part.bytes
            if len(part.bytes) < _PART:
                return bytes(content)
            # Others are served between the parts of a large file.
            await asyncio.sleep(0)

    async def _upload(self, request: web.Request) -> web.Response:
        origin = request.headers.get("Origin")
        if origin is None or urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="Only the page itself may upload.\n")
        account = _account(request)
        size = request.content_length
        if size is None:
            raise web.HTTPLengthRequired(text="The length of the file is missing.\n")
        if size > MAX_FILE:
            raise web.HTTPRequestEntityTooLarge(
                MAX_FILE, size, text=f"A file has at most {MAX_FILE >> 20} MB here.\n"
            )
        if size == 0:
            raise web.HTTPBadRequest(text="The file is empty.\n")
        big, parts = size > _SMALL, math.ceil(size / _PART)
        file_id = secrets.randbits(62)
        for number in range(parts):
            try:
                part = await request.content.readexactly(min(_PART, size - number * _PART))
            except asyncio.IncompleteReadError:
                raise web.HTTPBadRequest(text="The upload ended before the file did.\n") from None
            saved: dict[str, object] = {"file_id": file_id, "file_part": number}
            saved["bytes"] = base64.b64encode(part).decode()
            name = "upload.saveFilePart"
            if big:
                name = "upload.saveBigFilePart"
                saved["file_total_parts"] = parts
            await self._call(account, {"_": name, **saved})
        kind = {"_": "inputFileBig"} if big else {"_": "inputFile", "md5_checksum": ""}
        name = request.query.get("name", "") or "file"
        return web.json_response({**kind, "id": str(file_id), "parts": parts, "name": name})

    async def _call(self, account: int, method: object) -> Any:  # Any: a TL object
        try:
            return await self._apps.call(account, method)
        except RpcError as error:
            raise web.HTTPBadRequest(text=f"Telegram refused this: {error.name}\n") from None
        except DeedError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None


def _account(request: web.Request) -> int:
    try:
        return int(request.query["as"])
    except (KeyError, ValueError):
        raise web.HTTPBadRequest(text="The account id is missing.\n") from None
