"""The sandbox: a Telegram server on loopback."""

import asyncio
import ipaddress
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Self

from telethon.tl import functions, types

from . import console
from .accounts import Bot
from .authkey import AuthKey
from .connection import Connection
from .datacentres import DataCentre
from .delivery import Delivery, Link
from .dispatch import Dispatch
from .exchange import Exchange, ServerKey
from .exchanges import Exchanges
from .faults import DeadKey, Faults
from .keys import Key, Keys
from .outgoing import Request
from .proxy import ProxySecret
from .records import Kind
from .rpc import Caller, Login
from .session import DestroyKey, DestroySession, Session, session_id_of
from .ticker import Ticker
from .trace import Trace
from .transport import UrgentPayload
from .world import World


class SandboxError(Exception):
    """The sandbox cannot be started; the message says why."""


class Sandbox:
    """A Telegram server for this machine: `async with Sandbox() as sandbox`, then connect to `host:port`.

    It listens on loopback only. `port` 0 selects the first free one of `ports` (0: the system's choice), and
    a restart keeps it. World, auth keys and logins last as long as this object, connections and sessions
    until `stop`. With a `seed` the world and the random bytes of the server are the same in every run. `dcs`
    are further data centres and their keys; None: the same key. They listen on ports of their own. `keys` are
    the `auth_keys` of an earlier sandbox, for its world.

    Each port is an MTProto proxy, too, with the 16 bytes of `secret`: whoever uses it is connected to the
    data centre that it names. Without `secret` it follows from the server key. Clients that use none are
    served as well.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ports: Sequence[int] = (0,),
        dc_id: int = 2,
        world: World | None = None,
        key: ServerKey | None = None,
        dcs: Mapping[int, ServerKey | None] | None = None,
        seed: int | None = None,
        secret: bytes | None = None,
        keys: dict[bytes, Key] | None = None,
    ) -> None:
        self.host = _loopback(host)
        self.world = World(seed=seed, dc_id=dc_id) if world is None else world
        self.dc_id = self.world.dc_id
        self._ports = ports
        self._home = DataCentre(self.dc_id, ServerKey.generate() if key is None else key, port, ports)
        #: All data centres by their number.
        self.dcs = {self.dc_id: self._home}
        self.dcs |= {n: DataCentre(n, key or self.key, ports=ports) for n, key in (dcs or {}).items()}
        #: The secret for clients that use the sandbox as a proxy.
        self.secret = ProxySecret.derive(self.key.seed) if secret is None else ProxySecret.of(secret)
        self.faults = Faults(self)
        self._random: Callable[[int], bytes] = os.urandom if seed is None else random.Random(seed).randbytes
        self._clock = self.world.now
        self._keys = Keys(self._clock, keys)
        self._exchanges = Exchanges(self._clock)
        self._links: dict[tuple[bytes, int], Link] = {}
        self._connections: dict[Connection, None] = {}
        self._delivery = Delivery(self.world, self.faults, self._clock, self._random)
        self._ticker = Ticker(self.world.agenda)
        self._dispatch = Dispatch(self.world, self.faults, self._delivery, self._bind)
        #: Exists while `stop` waits; set when the last connection is closed.
        self._quiet: asyncio.Event | None = None
        self._running = False
        self._end: Callable[[], None] | None = None
        self._trace: Trace | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port of the first data centre; a change counts from the next start on."""
        return self._home.port

    @port.setter
    def port(self, port: int) -> None:
        self._home.port = port

    @property
    def key(self) -> ServerKey:
        """The server key of the first data centre."""
        return self._home.key

    @property
    def public_key(self) -> str:
        """The server's public key as PEM text, for clients."""
        return self._home.public_key

    @property
    def proxy_link(self) -> str:
        """The link that sets this server as the proxy of one of Telegram's apps."""
        return self.secret.link(self.host, self.port)

    @property
    def auth_keys(self) -> dict[bytes, Key]:
        """The auth keys and their logins, which can be pickled together with the world."""
        return self._keys.known

    @property
    def calls(self) -> Counter[str]:
        """The number of calls of each method, by the schema's names; may be cleared."""
        return self._dispatch.counts

    @property
    def calling(self) -> bytes | None:
        """The id of the auth key whose call is being carried out, for who subscribes to the world."""
        return None if (link := self._delivery.calling) is None else link.key[0]

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    @property
    def trace(self) -> Trace | None:
        """What records all that goes over the wire; None, as at the start: nothing does."""
        return self._trace

    @trace.setter
    def trace(self, trace: Trace | None) -> None:
        self._trace = self._delivery.trace = self._dispatch.trace = trace

    def new_bot(self, username: str | None = None, name: str | None = None) -> Bot:
        """Add a bot, as BotFather does."""
        return self.world.new_bot(username, name)

    def new_phone(self) -> str:
        """Return a phone number without an account."""
        return self.world.new_phone()

    async def command(self, line: str) -> str:
        """Carry out a typed command (`help` lists them) and return a sentence about it."""
        return await console.run(self.faults, self.world, line)

    # Start and stop.

    async def start(self) -> None:
        """Start to listen; raise SandboxError if that fails."""
        if self._running:
            return
        # A world that comes from another sandbox names data centres of that one.
        self.world.dcs.clear()
        try:
            for centre in self.dcs.values():
                await self._listen(centre)
        except SandboxError:
            for centre in self.dcs.values():
                centre.close()
            raise
        self._running = True
        self._end = self._delivery.open()
        self._ticker.open()

    async def stop(self) -> None:
        """Stop to listen and close all connections."""
        if not self._running:
            return
        self._running = False
        for centre in self.dcs.values():
            centre.close()
        self._ticker.close()
        if self._end is not None:
            self._end()
        self._dispatch.reset()
        if self.drop():
            self._quiet = asyncio.Event()
            await self._quiet.wait()
        self._delivery.reset()
        self._links.clear()
        for centre in self.dcs.values():
            await centre.wait_closed()

    async def open_dc(self, dc_id: int, *, own_key: bool = False) -> int:
        """Listen as a further data centre, with a server key of its own or the same; return the port."""
        if dc_id not in self.dcs:
            key = ServerKey.generate() if own_key else self.key
            centre = DataCentre(dc_id, key, ports=self._ports)
            if self._running:
                await self._listen(centre)
            self.dcs[dc_id] = centre
        return self.dcs[dc_id].port

    async def _listen(self, centre: DataCentre) -> None:
        try:
            await centre.listen(self.host, partial(self._connection, centre.id))
        except OSError as error:
            port = centre.port or f"{self._ports[0]} to {self._ports[-1]}"
            raise SandboxError(f"cannot listen on {self.host} port {port}: {error.strerror}") from None
        if centre is self._home:
            self.world.address = (self.host, centre.port)
        else:
            self.world.dcs[centre.id] = (self.host, centre.port)

    def _connection(self, dc_id: int) -> Connection:
        return Connection(self, self._random, dc_id, self.secret.key)

    async def restart(self, down: float = 0.0) -> None:
        """Stop, wait and start on the same port, like a server that crashed: only sessions are lost."""
        await self.stop()
        if down:
            await asyncio.sleep(down)
        await self.start()

    def drop(self, account: int | None = None) -> int:
        """Close the connections of one account, or all; return the number."""
        dropped = self.connections_of(account)
        for connection in dropped:
            connection.cut("fault or stop")
        return len(dropped)

    def nudge(self, account: int | None = None) -> None:
        """Check again whether there are updates to send, for one account or for all."""
        self._delivery.nudge(account)

    def connections_of(self, account: int | None = None) -> list[Connection]:
        """Return the open connections of one account, or all."""
        return [
            connection
            for connection in self._connections
            if account is None or any(link.caller.login.account == account for link in connection.links)
        ]

    def sessions_of(self, account: int | None = None) -> list[tuple[bytes, int]]:
        """Return the connected sessions of one account, or all, as (auth key id, session id)."""
        return [link.key for link in self._delivery.sessions(account)]

    def keys_of(self, account: int | None = None) -> list[bytes]:
        """Return the ids of the auth keys that are logged in to an account; None: of all auth keys."""
        return self._keys.names(account)

    def end_lost_logins(self) -> None:
        """Log out the auth keys of accounts that are not there: the world has gone back to before them."""
        for known in self._keys.known.values():
            if known.login.account is not None and self.world.accounts.get(known.login.account) is None:
                known.login.account = None

    def hand(self, account: int, updates: types.Updates | bytes) -> int:
        """Send an Updates object, or any bytes, to an account's connected sessions; return their number."""
        return self._delivery.hand(account, updates)

    # For connections.

    def opened(self, connection: Connection) -> bool:
        self._connections[connection] = None
        if self._trace is not None:
            self._trace.happened(Kind.CONNECTION, f"{connection.name} opened", dc_id=connection.dc_id)
        return self._running and not self.faults.refusing

    def closed(self, connection: Connection) -> None:
        self._connections.pop(connection, None)
        if self._trace is not None:
            words = f"{connection.name} closed: {connection.reason}"
            self._trace.happened(Kind.CONNECTION, words, dc_id=connection.dc_id)
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

    def obstructs(self, connection: Connection) -> bool:
        return bool(self.faults.packets) and self.faults.obstruct(connection, None)

    def exchange(self, connection: Connection, payload: bytes) -> Exchange:
        dc_id = connection.dc_id
        # The first data centre stands for those that a proxy's client names and that are not there. An
        # account has its home in none of them, so a login is sent on to the account's own.
        centre = self.dcs.get(dc_id, self._home)
        new = partial(Exchange, centre.key, self._random, self._clock, dc_id=dc_id, taken=self._keys.takes)
        return self._exchanges.of(dc_id, payload, new)

    def exchanged(self, connection: Connection, exchange: Exchange) -> None:
        key = AuthKey(exchange.auth_key, exchange.salt, self._clock())
        if self._trace is not None:
            words = f"{connection.name} has made an auth key"
            self._trace.happened(Kind.EXCHANGE, words, key=key.name, dc_id=connection.dc_id)
        dc_id = 0 if connection.dc_id == self.dc_id else connection.dc_id
        until = None if exchange.expires_in is None else self._clock() + exchange.expires_in
        login = Login(dc_id=dc_id, temporary=until is not None)
        self._keys.add(Key(key, login, connection.dc_id, until))

    def packet(self, connection: Connection, payload: bytes) -> bool:
        taken = self._packet(connection, payload)
        if not taken and self._trace is not None:
            words = f"{connection.name}: -404, the server does not take this auth key"
            self._trace.happened(Kind.EXCHANGE, words, key=payload[:8], dc_id=connection.dc_id)
        return taken

    def _packet(self, connection: Connection, payload: bytes) -> bool:
        known = self._keys.get(payload[:8])
        if known is None or known.dc_id != connection.dc_id:
            return False
        faults = self.faults
        if faults.packets and faults.obstruct(connection, known.login.account):
            return True
        if faults.dead and faults.dead.get(known.key.name) is DeadKey.UNKNOWN:
            return False
        plain = known.key.decrypt(payload)
        if isinstance(payload, UrgentPayload):
            connection.quick_ack(known.key.ack_token(plain))
        link = self._link(known, session_id_of(plain))
        if link.wire is not connection:
            connection.links[link] = None
            self._delivery.attach(link, connection)
        if self._trace is not None:
            self._trace.came(link, plain)
        for event in link.session.receive(plain, self._clock()):
            if isinstance(event, Request):
                self._dispatch.request(link, event)
            elif isinstance(event, DestroySession):
                self._destroy_session(link, event.session_id)
            elif isinstance(event, DestroyKey):
                link.session.key_destroyed()
                self._keys.destroy(link.key[0])
        self._delivery.flush_soon(link)
        delay = link.session.disconnect_delay
        if delay is not None:
            connection.close_when_silent(delay)
        return True

    def _link(self, known: Key, session_id: int) -> Link:
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

    def _bind(self, link: Link, call: functions.auth.BindTempAuthKeyRequest) -> bool:
        """Answer auth.bindTempAuthKey: all sessions of the key get the login of the permanent one."""

        def waits(msg_id: int) -> bool:
            request = link.session.request(msg_id)
            return request is not None and not request.answered

        name, session_id = link.key
        login = self._keys.bind(name, session_id, call, waits)
        for other in self._links.values():
            if other.key[0] == name:
                other.caller.login = login
        return True


def _loopback(host: str) -> str:
    """Return the loopback address for `host`; raise SandboxError if it is another address."""
    if host == "localhost":
        # One socket, not two of different address families on different ports.
        return "127.0.0.1"
    try:
        if ipaddress.ip_address(host).is_loopback:
            return host
    except ValueError:
        pass
    raise SandboxError(
        f"the sandbox listens on loopback only, not on {host}: anyone could log in. Use 127.0.0.1"
    )
