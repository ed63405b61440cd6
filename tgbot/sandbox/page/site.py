"""The page's small HTTP server: static files, and a WebSocket for each tab. Loopback only.

A line of a tab is {"id": n, "do": name, …}. Its answer is {"id": n, "result": …} or
{"id": n, "error": {"text": …}}, with "code" and "name" too if Telegram's method refused it. What happens
meanwhile comes as {"event": name, …}.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ipaddress
import json
import logging
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web

from ..rpc import RpcError
from .place import PageError, loopback
from .tabs import Deed, DeedError, Part, Tab

log = logging.getLogger(__name__)

STATIC: Final = Path(__file__).with_name("static")
#: The longest line that a tab may send, in bytes.
_LONGEST: Final = 8 << 20
_IMPORTS: Final = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


class Site:
    """Serve the page: `async with Site(parts) as site`, then open `site.address`.

    Other pages of the same browser cannot use it: the address holds a token, requests must name a loopback
    host, and a WebSocket must come from this page. `port` 0 selects the first free one of
    `ports` (0: the system's choice).
    """

    def __init__(
        self,
        parts: Sequence[Part],
        routes: Sequence[web.RouteDef] = (),
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ports: Sequence[int] = (0,),
    ) -> None:
        self._parts = parts
        #: What is served besides the page and its files; paths begin behind the token.
        self._routes = routes
        self._deeds: dict[str, Deed] = {name: deed for part in parts for name, deed in part.deeds.items()}
        self._host = loopback(host)
        self._port = port
        self._ports = (port,) if port else ports
        self._token = secrets.token_urlsafe(12)
        self._tabs: dict[Tab, None] = {}
        self._runner: web.AppRunner | None = None
        self._index = (STATIC / "index.html").read_bytes()
        found = _IMPORTS.search(self._index.decode())
        digest = hashlib.sha256(found[1].encode() if found else b"").digest()
        self._policy = (
            "default-src 'none'; script-src 'self' 'sha256-" + base64.b64encode(digest).decode() + "'; "
            "style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    @property
    def address(self) -> str:
        """The address to open in a browser, token included."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/{self._token}/"

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=_LONGEST, middlewares=[self._guard])
        root = f"/{self._token}"
        application.router.add_get(f"{root}/", self._page)
        application.router.add_get(f"{root}/wire", self._socket)
        for route in self._routes:
            application.router.add_route(route.method, root + route.path, route.handler)
        application.router.add_static(f"{root}/static", STATIC)
        application.on_response_prepare.append(self._harden)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        reason = ""
        for port in self._ports:
            try:
                await web.TCPSite(self._runner, self._host, port).start()
                break
            except OSError as error:
                # asyncio's own text names the address once more.
                reason = os.strerror(error.errno) if error.errno else str(error)
        else:
            await self._runner.cleanup()
            ports = self._ports
            which = f"port {ports[0]}" if len(ports) == 1 else f"a port from {ports[0]} to {ports[-1]}"
            raise PageError(f"the page cannot listen on {self._host} {which}: {reason}")
        self._port = self._runner.addresses[0][1]
        self._ports = (self._port,)  # for a start after an end, so that open tabs find it again
        return self

    async def __aexit__(self, *exc: object) -> None:
        for tab in list(self._tabs):
            tab.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # -- requests

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Any
    ) -> web.StreamResponse:  # Any: aiohttp's handlers
        """Refuse what does not come from this machine's browser under a loopback name, with the token."""
        if not _is_loopback_name(request.host):
            raise web.HTTPForbidden(text="This page is for this machine only: open 127.0.0.1, not a name.\n")
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPNotFound:
            raise web.HTTPNotFound(
                text="Open the address that tgbot has printed, token included.\n"
            ) from None
        return response

    async def _harden(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        response.headers.update(
            {
                "Content-Security-Policy": self._policy,
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
                "Referrer-Policy": "no-referrer",
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Cache-Control": "no-store",
            }
        )

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(body=self._index, content_type="text/html", charset="utf-8")

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is None or urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="Only the page itself may open this.\n")
        socket = web.WebSocketResponse(max_msg_size=_LONGEST, heartbeat=30.0)
        await socket.prepare(request)
        tab = Tab()
        self._tabs[tab] = None
        writing = asyncio.create_task(_write(socket, tab))
        asked: set[asyncio.Task[None]] = set()
        try:
            for part in self._parts:
                part.welcome(tab)
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                # A press waits for its bot: other lines go on meanwhile, each begun in its order.
                task = asyncio.create_task(self._carry_out(tab, message.data))
                asked.add(task)
                task.add_done_callback(asked.discard)
        finally:
            self._tabs.pop(tab, None)
            for part in self._parts:
                part.leave(tab)
            for task in [*asked, writing]:
                task.cancel()
            await asyncio.gather(*asked, writing, return_exceptions=True)
        return socket

    async def _carry_out(self, tab: Tab, line: str) -> None:
        number: object = None
        try:
            asked = _object(line)
            number = asked.get("id")
            tab.answer(number, result=await self._deed(asked)(tab, asked))
        except RpcError as error:
            told = {"code": error.code, "name": error.name, "text": f"Telegram refused this: {error.name}"}
            tab.answer(number, error=told)
        except DeedError as error:
            tab.answer(number, error={"text": str(error)})
        except Exception:
            # One line of one tab: a defect here must not end the page.
            log.exception("the page could not do what it was asked for")
            tab.answer(number, error={"text": "an error of the sandbox; its log has it"})

    def _deed(self, asked: Mapping[str, Any]) -> Deed:
        deed = self._deeds.get(str(asked.get("do")))
        if deed is None:
            raise DeedError(f"there is nothing called {asked.get('do')!r} to do")
        return deed


def _object(line: str) -> Mapping[str, Any]:
    """Return the object that a line is; raise DeedError."""
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError):
        raise DeedError("a line is not JSON") from None
    if not isinstance(asked, dict):
        raise DeedError("a line is not an object")
    return asked


async def _write(socket: web.WebSocketResponse, tab: Tab) -> None:
    """Send what a tab is told, until it is closed."""
    with suppress(ConnectionError, RuntimeError):
        while (line := await tab.said()) is not None:
            await socket.send_str(line)
        await socket.close(code=WSCloseCode.GOING_AWAY)


def _is_loopback_name(host: str) -> bool:
    """Return whether a Host header names this machine; a name of others may lead here, too."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
