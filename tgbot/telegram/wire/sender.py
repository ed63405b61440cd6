"""The sender: it goes on whatever arrives and however links end; an unreadable message costs only itself."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from typing import Any, Final

from telethon import errors
from telethon.crypto import AuthKey
from telethon.errors import AuthKeyNotFound, InvalidBufferError, SecurityError
from telethon.tl import TLRequest, types

from tgbot.core.clock import ServerClock
from tgbot.core.places import places
from tgbot.core.plural import counted
from tgbot.telegram.wire.attempts import Attempts, Trouble, trouble_of
from tgbot.telegram.wire.connection import BotConnection
from tgbot.telegram.wire.keyexchange import make_key
from tgbot.telegram.wire.link import LinkState, making_login
from tgbot.telegram.wire.messages import ClockMovedError, Messages
from tgbot.telegram.wire.outgoing import Outgoing
from tgbot.telegram.wire.readers import read_object
from tgbot.telegram.wire.reading import (
    RPC_RESULT,
    UnreadableError,
    innermost,
    limit_unpacking,
    messages_in,
    name_of,
    own_updates,
    read_answer,
    reason,
)
from tgbot.telegram.wire.service import ServiceMessages

logger = logging.getLogger(__name__)

#: How long an attempt to connect, and the exchange of an auth key, may take, in seconds.
_CONNECT_SECONDS, _EXCHANGE_SECONDS = 10.0, 20.0
#: How often a task is cancelled that goes on, in seconds.
_CANCEL_SECONDS = 0.2
#: After that many packets in a row that are not of this session the link is made anew.
_MAX_FOREIGN = 10
#: After that many links that begin with −404, the auth key is dead.
_MAX_UNKNOWN = 2
#: How many packets go out in one turn of the loop.
_PACKETS = 8
#: What an rpc_result begins with: constructor and req_msg_id.
_RESULT = struct.Struct("<4xq")
_RESULT_SIZE: Final = _RESULT.size
#: The type Updates.
_UPDATES = 0x8AF52AAC


class BotSender:
    """What Telethon calls its MTProtoSender: sends requests, and hands what arrives on.

    Never stops trying, with growing pauses, and keeps `state` up to date. What is unanswered when a link
    ends goes again over the next one. Of what arrives, each message that cannot be read is passed over: an
    answer is an UnreadableError for its request, and `missed` is called for anything else, which may have
    been an update. `reconnected` is called after each link but the first of a connection.
    """

    def __init__(
        self,
        auth_key: Any,  # Any: an AuthKey, None before there is one
        *,
        state: LinkState,
        server_time: ServerClock,
        updates: Callable[[types.TypeUpdates], None],
        missed: Callable[[], None],
        reconnected: Callable[[], None],
        key_made: Callable[[AuthKey], Awaitable[None]],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.auth_key = auth_key or AuthKey(None)
        self.attempts = Attempts()
        self.link_state = state
        self._server_time = server_time
        self._updates = updates
        self._missed = missed
        self._reconnected = reconnected
        self._key_made = key_made
        self._messages = Messages(self.auth_key, wall=wall, monotonic=time.monotonic)
        self._connection: BotConnection | None = None
        self._connecting = asyncio.Lock()
        self._connected = False
        #: Done while there is no connection, with the error that ended it.
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gone.set_result(None)
        #: The task that makes the next link, and those that give up.
        self._renewing: asyncio.Task[None] | None = None
        self._giving_up: set[asyncio.Task[None]] = set()
        #: What arrives is handled in this context: it is no part of a login, nor of a handler.
        self._context = _outside_of_logins()
        #: Whether what waits is sent when the event loop turns.
        self._sending = False
        self.outgoing = Outgoing(self._messages, self._send_soon, self._send)
        self._service = ServiceMessages(
            self._messages, self.outgoing, state, server_time, worked=self._worked, missed=self._session_lost
        )
        #: Whether nothing at all has arrived over this link yet.
        self._unheard = False
        #: How many links began with −404; how many packets in a row were not of this session.
        self._unknown, self._foreign = 0, 0
        state.end_link = self._end_link
        limit_unpacking()

    # ---- what Telethon calls ---------------------------------------------------------------------

    def is_connected(self) -> bool:
        """Return whether requests can be sent; they wait while a link is made."""
        return self._connected

    @property
    def disconnected(self) -> asyncio.Future[None]:
        """Done once the connection is given up, with the error that ended it."""
        return asyncio.shield(self._gone)

    async def connect(self, connection: BotConnection) -> bool:
        """Make a link, however long that takes; return False if there is a connection."""
        async with self._connecting:
            if self._connected:
                return False
            self._connection = connection
            pause = self.attempts.failed(connection) if self.attempts.fruitless else 0.0
            await self._make_link(connection, pause)
            self._gone = asyncio.get_running_loop().create_future()
            self._connected = True
            return True

    async def disconnect(self) -> None:
        """End the link; what is unanswered is cancelled."""
        renewing, self._renewing = self._renewing, None
        while renewing is not None and not renewing.done():
            renewing.cancel()  # again where Telethon swallows it: while it closes a connection
            await asyncio.wait((renewing,), timeout=_CANCEL_SECONDS)
        await self._give_up(None)

    def send(self, request: TLRequest, ordered: bool = False) -> asyncio.Future[Any]:
        """Return the future of the answer; raise ConnectionError if there is no connection."""
        if not self._connected:
            raise ConnectionError("not connected")
        return self.outgoing.ask(request)

    # ---- links -----------------------------------------------------------------------------------

    async def _make_link(self, connection: BotConnection, pause: float) -> None:
        await asyncio.sleep(pause)
        while not await self._attempt(connection):
            await connection.disconnect()
            await asyncio.sleep(self.attempts.failed(connection))
        self._unheard = True
        self._foreign = 0
        self.attempts.made()
        asyncio.get_running_loop().call_soon(self._begin, connection)
        self.link_state.links += 1
        self.link_state.up.start()

    def _begin(self, connection: BotConnection) -> None:
        """Read and send over a link that was made."""
        if connection is self._connection:
            connection.listen(self._on_packet, self._on_end, self._send_soon)
            self._send()

    async def _attempt(self, connection: BotConnection) -> bool:
        try:
            await connection.connect(timeout=_CONNECT_SECONDS)
            if not self.auth_key:
                async with asyncio.timeout(_EXCHANGE_SECONDS):
                    self.auth_key.key, self._messages.time_offset = await make_key(connection)
                await self._key_made(self.auth_key)
        except Exception as error:  # whatever a network does, and a stranger's server answers
            self.attempts.trouble = trouble_of(error)
            logger.info("no link to %s: %s", connection, places(error))
            return False
        return True

    def _end_link(self) -> None:
        """End the link, and begin to make the next one."""
        if not self._connected or self._renewing is not None:
            return
        self.link_state.up.stop()
        self.link_state.link_ended()
        # A new session begins, in which our layer has to be named again.
        self.link_state.fresh_session = True
        self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        connection = self._connection
        assert connection is not None
        connection.abort()
        await connection.disconnect()
        self._messages.reset()
        self.outgoing.begin_anew()
        await self._make_link(connection, self.attempts.ended(connection))
        self._renewing = None
        self._reconnected()

    async def _give_up(self, error: Exception | None) -> None:
        """End the connection; whatever waits for an answer gets the error, or is cancelled."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._connected = False
        self.link_state.link_lost()
        if self.link_state.given_up:
            connection.cut()  # it must not arrive after what the other process sends
        await connection.disconnect()
        self._messages.reset()
        self.outgoing.give_up(error)
        if self._gone.done():
            return  # an attempt to connect was cancelled
        if error is None:
            self._gone.set_result(None)
        else:
            self._gone.set_exception(error)

    # ---- out -------------------------------------------------------------------------------------

    def _send_soon(self) -> None:
        if not self._sending:
            self._sending = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        """Send what waits, as far as the other side takes it: all of one turn of the loop in one go."""
        self._sending = False
        connection = self._connection
        if connection is None or not self._connected or self._renewing is not None or not connection.writable:
            return
        try:
            packets: list[bytes] = []
            while len(packets) < _PACKETS and (data := self.outgoing.pack()):
                packets.append(self._messages.seal(data))
            if packets:
                connection.write(*packets)
            if len(packets) == _PACKETS:
                self._send_soon()
        except Exception as error:  # the link is owned here: one that cannot send is of no use
            logger.info("the link cannot send: %s", places(error))
            self._end_link()

    # ---- in --------------------------------------------------------------------------------------

    @property
    def _ending(self) -> bool:
        """Whether this link is ended by us: nothing of it matters any more."""
        return self._connection is None or self._renewing is not None

    def _on_packet(self, packet: bytes) -> None:
        if self._ending:
            return
        try:
            self._context.run(self._take_packet, packet)
        except Exception as error:  # the link is owned here: one that cannot be read is of no use
            self._on_end(error)

    def _on_end(self, error: Exception) -> None:
        if self._ending:
            return
        if isinstance(error, InvalidBufferError):
            if self._unheard:
                self.attempts.trouble = trouble_of(error)
            self._end_after(error.code)
            return
        if isinstance(error, (ClockMovedError, OSError, asyncio.IncompleteReadError)):
            logger.info("the link ended (%s)", type(error).__name__)
        else:
            logger.warning("the link cannot be read: %s", places(error))
        self._end_link()

    def _end_after(self, code: int | None) -> None:
        """End a link after a transport error: the key is dead, there are too many links, or a fault."""
        logger.info("the link ended (transport error %s)", code)
        if code == 404:
            self._unknown += 1
            if self._unknown >= _MAX_UNKNOWN:
                self._unknown = 0
                giving_up = asyncio.get_running_loop().create_task(self._give_up(AuthKeyNotFound()))
                self._giving_up.add(giving_up)
                giving_up.add_done_callback(self._giving_up.discard)
                return
        if code == 429:
            # Telegram answers each attempt of too many at once: a pause is due, whatever has arrived before.
            self.attempts.trouble, self.attempts.fruitless = Trouble.CROWDED, True
        self._end_link()

    def _take_packet(self, packet: bytes) -> None:
        try:
            opened = self._messages.open(packet)
        except SecurityError as error:
            self._note_unreadable(str(error), error)
            self._foreign += 1
            if self._foreign >= _MAX_FOREIGN:
                raise
            self._missed()
            return
        self._foreign = 0
        if opened is None:
            return  # it has arrived before
        msg_id, body = opened
        if self._unheard:
            self._unheard = False
            self._server_time.note_unix(msg_id / 2**32)  # the upper half is unix seconds
        found, damage = messages_in(msg_id, body)
        acks = self.outgoing.acks
        acks.add(msg_id)
        acks.update(dict(found))  # the keys are the msg_ids
        for inner_id, inner in found:
            if inner[:4] == RPC_RESULT:
                self._take_answer(inner)
            else:
                self._take(inner_id, inner)
        if damage is not None:
            self._note_unreadable("a container", damage)
            self._missed()

    def _take(self, msg_id: int, body: bytes) -> None:
        try:
            thing = read_object(body)
            if getattr(thing, "SUBCLASS_OF_ID", 0) == _UPDATES:
                if self.attempts.fruitless:
                    self._worked()
                take = self._updates
                take(thing)
            else:
                self._service.take(msg_id, thing)
        except Exception as error:  # whatever Telethon's readers raise for what they do not know
            self._note_unreadable(name_of(body), error)
            self._missed()

    def _take_answer(self, body: bytes) -> None:
        if self.attempts.fruitless:
            self._worked()
        try:
            (req_msg_id,) = _RESULT.unpack_from(body)
        except struct.error as error:
            self._note_unreadable("an answer", error)
            self._missed()
            return
        sent = self.outgoing.unanswered.pop(req_msg_id, None)
        if sent is None or sent.future.done():
            return  # nobody waits for it
        try:
            result = read_answer(sent.request, body, _RESULT_SIZE)
        except errors.RPCError as refusal:
            sent.future.set_exception(refusal)
        except Exception as error:  # whatever Telethon's readers raise for what they do not know
            name = type(innermost(sent.request)).__name__
            self._note_unreadable(f"the answer to {name}", error)
            unreadable = UnreadableError(f"the answer to {name} cannot be read ({reason(error)})")
            sent.future.set_exception(unreadable)
        else:
            if result is not True and (own := own_updates(result)) is not None:
                take = self._updates
                take(own)
            sent.future.set_result(result)

    def _worked(self) -> None:
        """Note that something of use has arrived over this link, where it was fruitless until now."""
        if self.attempts.fruitless:
            self._unknown = 0
            self.attempts.worked(self._connection)

    def _session_lost(self) -> None:
        """Note that Telegram began a new session: of this link's earlier one it lost what it would push."""
        if not self.attempts.fruitless:
            self._missed()

    def _note_unreadable(self, what: str, error: Exception) -> None:
        self.link_state.unreadable = count = self.link_state.unreadable + 1
        if count & (count - 1) == 0:  # the first, the second, the fourth, ...
            logger.warning("Telegram sent what cannot be read, %s since the start; now %s: %s",
                           counted(count, "time"), what, places(error))  # fmt: skip


def _outside_of_logins() -> Context:
    context = copy_context()
    context.run(making_login.set, False)
    return context
