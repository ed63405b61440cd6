"""The HTTP listener: the login page, its callback, and `/healthz`."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from aiohttp import web

from tgbot.core.access import Evidence, Kind
from tgbot.core.errors import ConfigError, TgbotError, system_reason
from tgbot.core.places import places
from tgbot.core.users import Profile, UserRegistry, Way
from tgbot.locales.texts import Texts
from tgbot.messaging.sender import Sender
from tgbot.store.logins import REMEMBERED, Logins
from tgbot.store.sqlite.worker import run_aside
from tgbot.web.door import Door, Visit
from tgbot.web.greeting import LONGEST_PUT_OFF, Greeter
from tgbot.web.login import Login, Reason, RefusedLogin, check
from tgbot.web.onward import NONCE, Onward
from tgbot.web.page import Page, chosen
from tgbot.web.proofs import Marks

log = logging.getLogger(__name__)

#: Answers a request.
Handle: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

#: How often connections that wait for too long are looked for, in seconds.
_SWEEP_SECONDS: Final = 1.0
#: The cookie that marks the browser in which a login was accepted.
_COOKIE: Final = "tgbot_login"
_HTML: Final = {"Content-Type": "text/html; charset=utf-8"}
#: Connections that the system keeps until they are accepted.
_BACKLOG: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the page is served, and which logins it accepts."""

    #: The address to listen on; port 0 takes a free one.
    host: str
    port: int
    #: The address that visitors see, without a path.
    public: str
    #: Where visitors are sent on to after a login, "" if they stay.
    then: str = ""
    #: The address of Telegram's script, which shows the button.
    widget: str
    #: Seconds for which Telegram's login data is accepted.
    max_age: int
    #: How long the page waits for the bot's greeting, in seconds.
    greeting_seconds: float = 2.0
    #: The most connections at once.
    connections: int = 100
    #: How long a connection may take until its request is complete, in seconds.
    request_seconds: float = 10.0
    #: How often it is logged how many logins were refused, in seconds.
    report_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Answer requests: 404 for all but three addresses, 405 for all methods but GET and HEAD."""

    #: Returns the login in a query string at a time; raises RefusedLogin.
    check: Callable[[str, float], Login]
    page: Page
    marks: Marks
    #: Where visitors go on to after a login; None if they stay.
    onward: Onward | None
    #: Whether visitors come over TLS.
    secure: bool
    used: Logins
    users: UserRegistry
    greeter: Greeter
    #: Returns what is wrong in a few words, None if the bot is well.
    trouble: Callable[[], Awaitable[str | None]]
    texts: Texts
    clock: Callable[[], float]
    domain: str
    #: Digests of the logins that are being recorded.
    under_way: set[bytes] = field(default_factory=set)
    #: How many logins were refused since the last report, by the reason.
    refused: Counter[Reason] = field(default_factory=Counter)

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application()
        application.router.add_get("/", self._start)
        application.router.add_get("/callback", self._callback)
        application.router.add_get("/healthz", self._healthz)
        application.on_response_prepare.append(self._harden)
        return application

    async def _start(self, request: web.Request) -> web.Response:
        return _html(self.page.start(self._language(request), self._nonce(request)))

    async def _callback(self, request: web.Request) -> web.StreamResponse:
        language, nonce = self._language(request), self._nonce(request)
        signed_hash = request.query.get("hash", "")
        if self.marks.has(request.cookies.get(_COOKIE, ""), signed_hash):
            # The page is loaded again, perhaps days later. No data of the address is used.
            return _html(self.page.done_before(language, self.onward.then if self.onward else ""))
        try:
            login = self.check(request.raw_path.partition("?")[2], self.clock())
            if request.method == "HEAD":  # must change nothing
                return _html("")
            await self._accept(login, language)
        except RefusedLogin as refused:
            self.refused[refused.reason] += 1
            return _html(self.page.refused(language, refused.reason.value, refused.field, nonce), 400)
        if self.onward is not None:
            self.greeter.begin(login, language)
            log.info("user %d logged in on %s, and is sent on", login.id, self.domain)
            address = self.onward.address(login, self.clock(), nonce)
            sent_on = web.Response(status=303, headers={"Location": address})
            self._mark(sent_on, signed_hash)
            return sent_on
        # The mark goes ahead, through nginx as well: the page may be loaded again before the bot has written.
        answer = web.StreamResponse(headers=_HTML | {"X-Accel-Buffering": "no"})
        self._mark(answer, signed_hash)
        await answer.prepare(request)
        greeted = await self.greeter.greet(login, language)
        log.info("user %d logged in on %s (greeted: %s)", login.id, self.domain, greeted)
        with suppress(ConnectionError):  # the visitor has gone
            await answer.write(self.page.done(language, login.first_name, greeted=greeted).encode())
        return answer

    def _nonce(self, request: web.BaseRequest) -> str:
        """Return what the site to which visitors go on has given this one along; "" for nothing."""
        nonce = request.query.get("nonce", "") if self.onward else ""
        return nonce if NONCE.fullmatch(nonce) else ""

    def _mark(self, answer: web.StreamResponse, signed_hash: str) -> None:
        answer.set_cookie(
            _COOKIE,
            self.marks.mark(signed_hash),
            path="/callback",
            max_age=REMEMBERED,
            secure=self.secure,
            httponly=True,
            samesite="Lax",
        )

    async def _accept(self, login: Login, language: str) -> None:
        """Record a login; it is on disk when this returns. Raise RefusedLogin or a StorageError.

        The login counts as used only once its evidence is on disk: after a kill between the two it can be
        sent again, which records the same evidence.
        """
        if login.digest in self.under_way:
            raise RefusedLogin(Reason.USED)
        self.under_way.add(login.digest)
        try:
            if await self.used.has(login.digest):
                raise RefusedLogin(Reason.USED)
            user = self.users.record(login.id, Evidence(Kind.LOGIN, login.auth_date, detail=self.domain))
            if user.last_seen:
                # An update says more than the widget does; only how the user became known is new.
                self.users.seen(user.profile, user.last_seen, Way.LOGIN)
            else:
                names = (login.username,) if login.username else ()
                profile = Profile(login.id, login.first_name, login.last_name, names)
                self.users.seen(profile, login.auth_date, Way.LOGIN)
            await self.users.flush()
            await self.used.add(login.digest, login.auth_date, self.clock(), (login.id, language))
        finally:
            self.under_way.discard(login.digest)

    async def greet_on(self) -> None:
        """Begin again with the greetings that the last run had not sent, except those that come too late."""
        for owed in await self.used.owed():
            if owed.signed < self.clock() - LONGEST_PUT_OFF:
                await self.used.settle(owed.digest)
            else:
                login = Login(owed.user_id, "", "", "", owed.signed, owed.digest)
                self.greeter.begin(login, owed.language)

    def report(self) -> None:
        """Log how many logins were refused since the last report, if any were."""
        if self.refused:
            reasons = ", ".join(f"{reason.value} {count}" for reason, count in self.refused.most_common())
            log.info("logins were refused: %d (%s)", self.refused.total(), reasons)
            self.refused.clear()

    async def _healthz(self, request: web.Request) -> web.Response:
        trouble = await self.trouble()
        return web.Response(text=f"{trouble or 'ok'}\n", status=503 if trouble else 200)

    def _language(self, request: web.BaseRequest) -> str:
        return chosen(self.texts, request.headers.get("Accept-Language", ""))

    async def guard(self, handle: Handle, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request as `handle` does, and whatever it raises with a page of ours."""
        assert isinstance(request.protocol, Visit)
        with request.protocol.serving():
            return await self._guarded(handle, request)

    async def _guarded(self, handle: Handle, request: web.BaseRequest) -> web.StreamResponse:
        language = self._language(request)
        try:
            return await handle(request)
        except web.HTTPMethodNotAllowed as refused:
            allow = {"Allow": refused.headers["Allow"]}
            return web.Response(text="GET or HEAD\n", status=405, headers=allow)
        except web.HTTPExpectationFailed:  # its text quotes the request
            return web.Response(text="417 Expectation Failed\n", status=417)
        except web.HTTPException:
            return _html(self.page.absent(language), 404)
        except Exception as error:
            # Other visitors are not concerned. The text of the error may quote what they sent.
            reason = str(error) if isinstance(error, TgbotError) else places(error)
            log.error("%s cannot be answered: %s", request.path, reason)
            return _html(self.page.trouble(language), 500)

    async def _harden(self, request: web.Request, response: web.StreamResponse) -> None:
        self.dress(response, request.path)

    def dress(self, response: web.StreamResponse, path: str = "") -> None:
        """Give an answer the headers that all answers have."""
        # Telegram may read the site's domain from the Referer of the page with the button. The address of
        # the callback holds the login, so it is sent to nobody.
        response.headers.update(
            {
                "Content-Security-Policy": self.page.policy,
                "Referrer-Policy": "strict-origin" if path == "/" else "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store",
                "Vary": "Accept-Language",
                "Server": "tgbot",
            }
        )


@asynccontextmanager
async def open_site(
    settings: Settings,
    *,
    token: str,
    name: str,
    username: str,
    users: UserRegistry,
    sender: Sender,
    logins: Callable[[], Logins],
    texts: Texts,
    knows: Callable[[int], bool],
    trouble: Callable[[], Awaitable[str | None]],
    clock: Callable[[], float],
) -> AsyncIterator[str]:
    """Listen until the block is left, and yield the URL; answers under way are finished first.

    `name` and `username` are the bot's, `logins` opens the used logins and may wait for a disk, `knows` says
    whether the session has a user's access hash, and `trouble` what is wrong with the bot (None if nothing
    is). Raise ConfigError if the address cannot be listened on, and a StorageError if the used logins cannot
    be opened.
    """
    domain = urlsplit(settings.public).hostname or ""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    async with AsyncExitStack() as stack:
        used = await run_aside(logins)
        stack.callback(used.close)
        greeter = Greeter(
            users,
            sender,
            texts,
            domain=domain,
            knows=knows,
            patience=settings.greeting_seconds,
            settle=used.settle,
        )
        stack.push_async_callback(greeter.close)
        pages = Pages(
            check=partial(check, token=token, max_age=settings.max_age),
            page=Page(texts, name=name, username=username, site=settings.public, widget=settings.widget),
            marks=Marks(token),
            onward=Onward(settings.then, settings.public, token) if settings.then else None,
            secure=settings.public.startswith("https:"),
            used=used,
            users=users,
            greeter=greeter,
            trouble=trouble,
            texts=texts,
            clock=clock,
            domain=domain,
        )
        runner = web.AppRunner(pages.application(), shutdown_timeout=2.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        server = runner.server
        assert server is not None
        # Around all of aiohttp's own handling; a middleware is not called for every request.
        server.request_handler = partial(pages.guard, server.request_handler)
        try:
            listeners = await _listen(settings.host, settings.port)
        except OSError as error:
            expected = f"an address of this machine that is free ({system_reason(error)})"
            raise ConfigError("[login] listen", expected, value=f"{host}:{settings.port}") from error
        door = Door(
            partial(Visit, server, dress=pages.dress, seconds=settings.request_seconds),
            limit=settings.connections,
            seconds=settings.request_seconds,
        )
        stack.callback(pages.report)
        works = [_look_after(door, pages, settings.report_seconds)]
        for listener in listeners:
            stack.enter_context(listener)
            works.append(door.serve(listener))
        for work in works:
            stack.push_async_callback(_cancel, asyncio.create_task(work))
        await pages.greet_on()
        url = f"http://{host}:{listeners[0].getsockname()[1]}"
        log.info("login page of %s on %s", domain, url)
        yield url


async def _listen(host: str, port: int) -> list[socket.socket]:
    """Return a listening socket for each address of a host; raise OSError if one of them is not free."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    with ExitStack() as opened:
        listeners = []
        missing: OSError | None = None
        for family, address in dict.fromkeys((family, address) for family, *_, address in found):
            try:
                listener = socket.create_server(address, family=family, backlog=_BACKLOG)
            except OSError as error:
                # "localhost" may name an address of IPv6 where there is none.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                missing = error
            else:
                listeners.append(opened.enter_context(listener))
                listener.setblocking(False)
        if missing is not None and not listeners:
            raise missing
        opened.pop_all()
    return listeners


async def _look_after(door: Door, pages: Pages, report_seconds: float) -> None:
    """Drop connections that wait for too long, and report refused logins, until cancelled."""
    loop = asyncio.get_running_loop()
    reported = loop.time()
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        try:
            door.sweep()
            if loop.time() - reported >= report_seconds:
                reported = loop.time()
                pages.report()
        except Exception as error:
            log.error("the login page was not looked after: %s", places(error))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(body=text.encode(), status=status, headers=_HTML)
