"""The sandbox: a Telegram server on loopback."""

import asyncio
import ipaddress
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from telethon.tl import functions

from . import commands, layers, methods
from .accounts import Bot
from .authkey import AuthKey
from .connection import Connection
from .delivery import Delivery, Link
from .exchange import Exchange, ServerKey
from .faults import Faults, Plan
from .outgoing import Request
from .rpc import Caller, Later, Login, RpcError
from .session import DestroyKey, DestroySession, Session, session_id_of
from .world import World

#: Seconds that invokeAfterMsg waits for a call which has not come.
_AFTER_SECONDS = 2.0
_AFTER = (functions.InvokeAfterMsgRequest, functions.InvokeAfterMsgsRequest)
_WRAPPERS = frozenset(
    (
        *_AFTER,
        functions.InitConnectionRequest,
        functions.InvokeWithLayerRequest,
        functions.InvokeWithMessagesRangeRequest,
        functions.InvokeWithoutUpdatesRequest,
        functions.InvokeWithTakeoutRequest,
    )
)

_log = logging.getLogger(__name__)


class SandboxError(Exception):
    """The sandbox cannot be started as asked; the message says why."""


@dataclass(slots=True)
class _Key:
    """An auth key and who is logged in with it; a temporary key has the login of the one it is bound to."""

    key: AuthKey
    login: Login
    #: When a temporary key ends, by the server's clock.
    until: float | None = None


class Sandbox:
    """A Telegram server for one machine: `async with Sandbox() as sandbox`, then connect to `host:port`.

    It listens on loopback only. `port` 0 takes a free one, which a restart keeps. World, auth keys and logins
    last as long as this object, connections and sessions until `stop`. `seed` makes the world and the bytes
    of the server repeatable.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        dc_id: int = 2,
        world: World | None = None,
        key: ServerKey | None = None,
        seed: int | None = None,
    ) -> None:
        _check_loopback(host)
        self.host = host
        self.port = port
        self.world = World(seed=seed, dc_id=dc_id) if world is None else world
        self.dc_id = self.world.dc_id
        self.key = ServerKey.generate() if key is None else key
        self.faults = Faults(self)
        #: How often each method has been called, by the schema's names.
        self.calls: Counter[str] = Counter()
        self._random: Callable[[int], bytes] = os.urandom if seed is None else random.Random(seed).randbytes
        self._clock = time.time
        self._keys: dict[bytes, _Key] = {}
        self._links: dict[tuple[bytes, int], Link] = {}
        self._connections: dict[Connection, None] = {}
        self._delivery = Delivery(self.world, self.faults, self._clock)
        self._timers: set[asyncio.TimerHandle] = set()
        self._waiting: dict[tuple[Link, int], list[Callable[[], None]]] = {}
        #: Set when the last connection is gone; there while somebody waits for it.
        self._quiet: asyncio.Event | None = None
        self._server: asyncio.Server | None = None
        self._end: Callable[[], None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def public_key(self) -> str:
        """The PEM text of the key that clients know this server by."""
        return self.key.pem

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._connections)

    def new_bot(self, username: str | None = None, name: str | None = None) -> Bot:
        """Adds a bot, as BotFather would."""
        return self.world.new_bot(username, name)

    def new_phone(self) -> str:
        """Returns a phone number that nobody has signed up with."""
        return self.world.new_phone()

    async def command(self, line: str) -> str:
        """Does what a line of `help` says, and returns a sentence about it."""
        return await commands.run(self.faults, self.world, line)

    # Being there.

    async def start(self) -> None:
        """Listens; SandboxError if it cannot."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Connection(self, self._random), self.host, self.port, reuse_address=True, backlog=1024
            )
        except OSError as error:
            raise SandboxError(f"cannot listen on {self.host} port {self.port}: {error.strerror}") from None
        self.port = self._server.sockets[0].getsockname()[1]
        self.world.address = (self.host, self.port)
        self._end = self._delivery.open()

    async def stop(self) -> None:
        """Cuts all connections and listens no more."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        if self._end is not None:
            self._end()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()
        if self.drop():
            self._quiet = asyncio.Event()
            await self._quiet.wait()
        self._delivery.reset()
        self._links.clear()
        await server.wait_closed()

    async def restart(self, down: float = 0.0) -> None:
        """Stops, waits and starts on the same port, as a server does that crashed: only sessions are lost."""
        await self.stop()
        if down:
            await asyncio.sleep(down)
        await self.start()

    def drop(self, account: int | None = None) -> int:
        """Cuts the connections of an account, or all, and says how many those were."""
        dropped = [
            connection
            for connection in self._connections
            if account is None or any(link.caller.login.account == account for link in connection.links)
        ]
        for connection in dropped:
            connection.cut("told to")
        return len(dropped)

    def nudge(self, account: int | None = None) -> None:
        """Looks again at what there is to send to an account, or to all."""
        self._delivery.nudge(account)

    # For connections.

    def opened(self, connection: Connection) -> bool:
        self._connections[connection] = None
        return self._server is not None and not self.faults.refusing

    def closed(self, connection: Connection) -> None:
        self._connections.pop(connection, None)
        if self._quiet is not None and not self._connections:
            self._quiet.set()
        for link in connection.links:
            if link.wire is connection:
                forgotten = self._delivery.detach(link)
                if forgotten is not None:
                    self._links.pop(forgotten.key, None)

    def writable(self, link: Link) -> None:
        if link.account is not None:
            self._delivery.changed(link.account)

    def exchange(self) -> Exchange:
        return Exchange(
            self.key,
            self._random,
            self._clock,
            dc_id=self.dc_id,
            taken=lambda key_id: key_id.to_bytes(8, "little") in self._keys,
        )

    def exchanged(self, exchange: Exchange) -> None:
        key = AuthKey(exchange.auth_key, exchange.salt, self._clock())
        until = None if exchange.expires_in is None else self._clock() + exchange.expires_in
        self._keys[key.name] = _Key(key, Login(), until)

    def packet(self, connection: Connection, payload: bytes) -> bool:
        known = self._keys.get(payload[:8])
        if known is None or (known.until is not None and known.until < self._clock()):
            return False
        plain = known.key.decrypt(payload)
        link = self._link(known, session_id_of(plain))
        if link.wire is not connection:
            connection.links[link] = None
            self._delivery.attach(link, connection)
        for event in link.session.receive(plain, self._clock()):
            if isinstance(event, Request):
                self._request(link, event)
            elif isinstance(event, DestroySession):
                self._destroy_session(link, event.session_id)
            elif isinstance(event, DestroyKey):
                link.session.key_destroyed()
                self._keys.pop(link.key[0], None)
        self._delivery.flush_soon(link)
        delay = link.session.disconnect_delay
        if delay is not None:
            connection.close_when_silent(delay)
        return True

    def _link(self, known: _Key, session_id: int) -> Link:
        name = known.key.name, session_id
        link = self._links.get(name)
        if link is None:
            session = Session(known.key, session_id, self._random)
            link = self._links[name] = Link(name, session, Caller(known.login))
        return link

    def _destroy_session(self, link: Link, session_id: int) -> None:
        other = self._links.get((link.key[0], session_id))
        known = other is not None and other is not link
        if known and other is not None:
            self._delivery.forget(other)
            del self._links[other.key]
        link.session.destroyed(session_id, known=known)

    # Calls.

    def _request(self, link: Link, request: Request) -> None:
        try:
            call = layers.decode(request.body, link.caller.login.layer)
        except layers.DecodeError as error:
            _log.warning("a call is refused: %s", error)
            self._answer(link, request, RpcError(400, error.name))
            return
        self._call(link, request, call)

    def _call(self, link: Link, request: Request, call: Any) -> None:
        """Carries a call out, or lets it wait for those that it has to come after."""
        inner = call
        while type(inner) in _WRAPPERS:
            if isinstance(inner, _AFTER):
                after = [inner.msg_id] if isinstance(inner, _AFTER[0]) else inner.msg_ids
                for msg_id in after:
                    earlier = link.session.request(msg_id)
                    if earlier is None or not earlier.answered:
                        self._wait(link, request, call, msg_id)
                        return
                    if earlier.failed:
                        self._answer(link, request, RpcError(400, "MSG_WAIT_FAILED"))
                        return
            inner = inner.query
        name = method_name(type(inner))
        self.calls[name] += 1
        plan = self.faults.plan(name, link.caller.login.account)
        if plan is None:
            self._answer(link, request, self._invoke(link, call, inner))
        else:
            self._misbehave(link, request, plan, call, inner)

    def _invoke(self, link: Link, call: Any, inner: Any) -> object:
        answer: object
        try:
            before = self._delivery.before_call(link)
            try:
                if isinstance(inner, functions.auth.BindTempAuthKeyRequest):
                    answer = self._bind(link, inner)
                else:
                    answer = methods.invoke(self.world, link.caller, call)
            except RpcError as error:
                answer = error
            self._delivery.after_call(link, before)
        except Exception:
            # A defect in one method is that call's 500, as it would be at Telegram's.
            _log.exception("%s failed", method_name(type(inner)))
            answer = RpcError(500, "INTERNAL")
        return answer

    def _misbehave(self, link: Link, request: Request, plan: Plan, call: Any, inner: Any) -> None:
        answer: object = plan.error
        if plan.carried_out:
            real = self._invoke(link, call, inner)
            answer = real if plan.error is None else plan.error
        if plan.cut:
            if link.wire is not None:
                link.wire.cut("told to, before an answer")
        elif plan.delay:
            link.held += 1
            self._later(plan.delay, lambda: self._release(link, request, answer))
        else:
            self._answer(link, request, answer)

    def _release(self, link: Link, request: Request, answer: object) -> None:
        link.held -= 1
        self._answer(link, request, answer)
        self.writable(link)

    def _answer(self, link: Link, request: Request, answer: object) -> None:
        """Queues what a call came to: a value, an RpcError, or a Later that has to come first."""
        if isinstance(answer, Later):
            self._later(max(0.0, answer.expires - self.world.now()), answer.expire)
            answer.then(lambda value: self._answer(link, request, value))
            return
        if isinstance(answer, RpcError):
            link.session.fail(request, answer.code, answer.name)
        else:
            try:
                link.session.answer(request, layers.encode(answer, link.caller.login.layer))
            except layers.EncodeError as error:
                _log.warning("an answer cannot be given: %s", error)
                link.session.fail(request, 500, "INTERNAL")
        self._delivery.flush_soon(link)
        for go_on in self._waiting.pop((link, request.msg_id), ()):
            go_on()

    def _wait(self, link: Link, request: Request, call: Any, msg_id: int) -> None:
        waiting = True

        def go_on() -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                self._call(link, request, call)

        def give_up() -> None:
            nonlocal waiting
            if waiting:
                waiting = False
                self._answer(link, request, RpcError(400, "MSG_WAIT_TIMEOUT"))

        self._waiting.setdefault((link, msg_id), []).append(go_on)
        if link.session.request(msg_id) is None:
            self._later(_AFTER_SECONDS, give_up)

    def _bind(self, link: Link, call: Any) -> bool:
        """auth.bindTempAuthKey: the temporary key takes over the login of the lasting one."""
        # What the client encrypted as a proof stays closed: on loopback nobody has to prove anything.
        lasting = self._keys.get(call.perm_auth_key_id.to_bytes(8, "little", signed=True))
        if lasting is None:
            raise RpcError(400, "ENCRYPTED_MESSAGE_INVALID")
        self._keys[link.key[0]].login = lasting.login
        for other in self._links.values():
            if other.key[0] == link.key[0]:
                other.caller.login = lasting.login
        return True

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            call()

        timer = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(timer)


_names: dict[type, str] = {}


def method_name(request: type) -> str:
    """The schema's name of a request class: SendMessageRequest is "messages.sendMessage"."""
    name = _names.get(request)
    if name is None:
        space = request.__module__.rpartition(".")[2]
        plain = request.__name__.removesuffix("Request")
        plain = plain[:1].lower() + plain[1:]
        name = _names[request] = plain if space == "functions" else f"{space}.{plain}"
    return name


def _check_loopback(host: str) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise SandboxError(
            f"the sandbox listens on loopback only, not on {host}: anybody could log in to it (try 127.0.0.1)"
        )
