"""The sender: it goes on whatever arrives and however links end; an unreadable message costs only itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from telethon import errors
from telethon.errors import AuthKeyNotFound, InvalidBufferError, SecurityError
from telethon.extensions import BinaryReader
from telethon.extensions.messagepacker import MessagePacker
from telethon.network.authenticator import do_authentication
from telethon.network.mtprotoplainsender import MTProtoPlainSender
from telethon.network.mtprotosender import MTProtoSender

from tgbot.core.clock import ServerClock
from tgbot.core.places import places
from tgbot.telegram.wire.link import LinkState, making_login
from tgbot.telegram.wire.loggers import SafeLoggers
from tgbot.telegram.wire.messages import ClockMovedError, Messages
from tgbot.telegram.wire.reading import (
    UnreadableError,
    innermost,
    kind_of,
    limit_unpacking,
    messages_in,
    name_of,
    read_answer,
    reason,
)

logger = logging.getLogger(__name__)

#: The longest pause between two attempts to connect, in seconds.
LONGEST_PAUSE = 10.0
#: The pause before the second attempt, in seconds; each further one is twice as long.
_FIRST_PAUSE = 0.25
#: The pause after Telegram said that there are too many connections, in seconds; and the longest of these.
_CROWDED_PAUSE, _LONGEST_CROWDED_PAUSE = 10.0, 60.0
#: A link that ends within this many seconds is short-lived; before the next after that many there is a pause.
_SHORT_LIVED_SECONDS, _SHORT_LIVED_LINKS = 10.0, 4
#: How long the exchange of an auth key may take, in seconds.
_EXCHANGE_SECONDS = 20.0
#: After that many packets in a row that are not of this session the link is made anew.
_MAX_FOREIGN = 10
#: How often one message is sent again after bad_msg_notification: with the third, over a fresh link.
_MAX_REFUSALS, _RENEWING_REFUSAL = 5, 3
#: After that many links that begin with −404, the auth key is dead.
_MAX_UNKNOWN = 2
_RPC_RESULT = 0xF35C6D01
#: The type Updates.
_UPDATES = 0x8AF52AAC
#: The shortest rpc_result that names its request: constructor and req_msg_id.
_SHORTEST_RESULT = 12

_NO_CONNECTION = "no connection to %s; retrying, with pauses of up to %d s"
_WRONG_KEY = (
    "the server at %s does not have the configured key: set [telegram] public_key to the public key of this "
    "server; retrying, with pauses of up to %d s"
)
_NO_DESCRIPTORS = (
    "no file descriptors are left for a connection to %s: allow more (ulimit -n; under systemd LimitNOFILE=);"
    " retrying, with pauses of up to %d s"
)
_CROWDED = "too many connections, says %s (transport error 429); retrying, with pauses of up to %d s"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that has arrived, under the names that Telethon's handlers read."""

    msg_id: int
    obj: Any  # Any: a TL object


class BotSender(MTProtoSender):
    """Telethon's sender, which never stops trying, with growing pauses, and keeps `state` up to date.

    A link that ends before anything arrived over it is a failed attempt. Of what arrives, each message that
    cannot be read is passed over: an answer is an UnreadableError for its request, and `missed` is called
    for anything else, which may have been an update.
    """

    _state: Messages

    def __init__(
        self,
        auth_key: Any,  # Any: an AuthKey, None before there is one
        *,
        state: LinkState,
        server_time: ServerClock,
        missed: Callable[[], None],
        wall: Callable[[], float] = time.time,
        **options: Any,  # Any: what MTProtoSender takes
    ) -> None:
        #: Attempts that failed since the last link.
        self._failures = 0
        #: Why they fail, as a log line, and which of these was logged.
        self._trouble, self._said = _NO_CONNECTION, ""
        #: Whether nothing has arrived over this link yet.
        self._fruitless = False
        #: Whether nothing at all has arrived over this link yet.
        self._unheard = False
        #: When this link was made, by the monotonic clock; how many in a row ended soon after.
        self._began, self._short_lived = 0.0, 0
        #: How many links began with −404.
        self._unknown = 0
        #: How many packets in a row were not of this session.
        self._foreign = 0
        self._link_state = state
        self._server_time = server_time
        self._missed = missed
        #: How often messages were refused that are under way.
        self._refusals: WeakKeyDictionary[asyncio.Future[Any], int] = WeakKeyDictionary()
        super().__init__(auth_key, loggers=SafeLoggers(), **options)
        self._state = Messages(self.auth_key, wall=wall, monotonic=time.monotonic)
        self._send_queue = MessagePacker(self._state, self._loggers)
        state.end_link = self._end_link
        limit_unpacking()

    # ---- links -----------------------------------------------------------------------------------

    @property
    def _delay(self) -> float:
        """How long Telethon pauses before its next attempt, in seconds."""
        self._failures += 1
        if self._connection is not None and self._connection.no_descriptors:
            self._trouble = _NO_DESCRIPTORS
        crowded = self._trouble == _CROWDED
        first, longest = (
            (_CROWDED_PAUSE, _LONGEST_CROWDED_PAUSE) if crowded else (_FIRST_PAUSE, LONGEST_PAUSE)
        )
        if self._trouble != self._said:
            logger.warning(self._trouble, self._connection, longest)
            self._said = self._trouble
        return min(longest, first * float(2 ** min(self._failures - 1, 10)))

    @_delay.setter
    def _delay(self, value: float) -> None:
        """Ignore the fixed pause that Telethon's constructor sets."""

    async def _connect(self) -> None:
        if self._fruitless:
            await asyncio.sleep(self._delay)
        else:
            await self._pause_if_short_lived()
        self._fruitless = self._unheard = True
        # What arrives is handled in the context of the two loops, which begin here: it is no part of a login.
        login = making_login.set(False)
        try:
            await super()._connect()
        finally:
            making_login.reset(login)
        self._foreign = 0
        self._began = time.monotonic()
        self._link_state.links += 1
        self._link_state.up.start()

    async def _try_connect(self, attempt: int) -> bool:
        self._trouble = _NO_CONNECTION
        return bool(await super()._try_connect(attempt))

    async def _try_gen_auth_key(self, attempt: int) -> bool:
        try:
            async with asyncio.timeout(_EXCHANGE_SECONDS):
                plain = MTProtoPlainSender(self._connection, loggers=self._loggers)
                self.auth_key.key, self._state.time_offset = await do_authentication(plain)
        except Exception as error:  # whatever a stranger's server answers
            if isinstance(error, SecurityError) and "could not find a valid key" in str(error):
                self._trouble = _WRONG_KEY
            elif isinstance(error, InvalidBufferError) and error.code == 429:
                self._trouble = _CROWDED
            logger.info("no auth key was made: %s", places(error))
            raise ConnectionResetError("no auth key was made") from None
        if self._auth_key_callback is not None:
            await self._auth_key_callback(self.auth_key)
        return True

    async def _pause_if_short_lived(self) -> None:
        """Wait, longer each time, once several links in a row have ended soon after they worked."""
        if time.monotonic() - self._began > _SHORT_LIVED_SECONDS:
            self._short_lived = 0
        self._short_lived += 1
        if (over := self._short_lived - _SHORT_LIVED_LINKS) < 0:
            return
        if over == 0:
            logger.warning("links to %s end early; pausing up to %d s between them",
                           self._connection, LONGEST_PAUSE)  # fmt: skip
        await asyncio.sleep(min(LONGEST_PAUSE, _FIRST_PAUSE * float(2 ** min(over, 10))))

    def _worked(self) -> None:
        """Note that something of use has arrived over this link."""
        if not self._fruitless:
            return
        self._fruitless = False
        self._unknown = 0
        if self._failures:
            self._failures = 0
            logger.warning("connected to %s again", self._connection)
        self._trouble, self._said = _NO_CONNECTION, ""

    async def _disconnect(self, error: BaseException | None = None) -> None:
        self._link_state.link_lost()
        await super()._disconnect(error)

    def _end_link(self) -> None:
        self._start_reconnect(None)
        self._connection.abort()

    def _start_reconnect(self, error: BaseException | None) -> None:
        if self._link_state.up.running:
            self._link_state.up.stop()
            self._link_state.link_ended()
        # Telethon begins a new session then, and names our layer in the first only.
        self._link_state.fresh_session = True
        # Whoever gave up waiting is not answered any more.
        for number in [number for number, state in self._pending_state.items() if state.future.done()]:
            del self._pending_state[number]
        super()._start_reconnect(error)

    # ---- the two loops ---------------------------------------------------------------------------

    async def _send_loop(self) -> None:
        try:
            await super()._send_loop()
        except Exception as error:  # the loop is owned here: a link that cannot send is of no use
            logger.warning("the link cannot send: %s", places(error))
            self._start_reconnect(None)

    async def _recv_loop(self) -> None:
        while self._user_connected and not self._reconnecting:
            try:
                await self._take_packet(await self._connection.recv())
            except InvalidBufferError as error:
                await self._end_after(error.code)
                return
            except (ClockMovedError, OSError, asyncio.IncompleteReadError) as error:
                logger.info("the link ended (%s)", type(error).__name__)
                self._start_reconnect(error if isinstance(error, OSError) else None)
                return
            except Exception as error:  # the loop is owned here: a link that cannot be read is of no use
                logger.warning("the link cannot be read: %s", places(error))
                self._start_reconnect(None)
                return

    async def _end_after(self, code: int | None) -> None:
        """End a link after a transport error: the key is dead, there are too many links, or a fault."""
        logger.info("the link ended (transport error %s)", code)
        if code == 404:
            self._unknown += 1
            if self._unknown >= _MAX_UNKNOWN:
                self._unknown = 0
                await self._disconnect(error=AuthKeyNotFound())
                return
        if code == 429:
            self._trouble = _CROWDED
        # Telegram answers each attempt of too many at once: a pause is due, whatever has arrived before.
        self._fruitless = self._fruitless or code == 429
        self._start_reconnect(None)

    # ---- what arrives ----------------------------------------------------------------------------

    async def _take_packet(self, packet: bytes) -> None:
        try:
            opened = self._state.open(packet)
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
        self._pending_ack.add(msg_id)
        try:
            for inner_id, inner in messages_in(msg_id, body):
                self._pending_ack.add(inner_id)
                await self._take(inner_id, inner)
        except UnreadableError as error:
            self._note_unreadable("a container", error)
            self._missed()

    async def _take(self, msg_id: int, body: bytes) -> None:
        kind = kind_of(body)
        if kind == _RPC_RESULT and len(body) >= _SHORTEST_RESULT:
            self._take_answer(int.from_bytes(body[4:12], "little", signed=True), body[12:])
            return
        try:
            thing = BinaryReader(body).tgread_object()
            if getattr(thing, "SUBCLASS_OF_ID", 0) == _UPDATES:
                self._worked()
                self._updates_queue.put_nowait(thing)
            else:
                await self._handlers[kind](Message(msg_id, thing))
        except Exception as error:  # whatever Telethon's readers raise for what they do not know
            self._note_unreadable(name_of(kind), error)
            self._missed()

    def _take_answer(self, req_msg_id: int, body: bytes) -> None:
        self._worked()
        state = self._pending_state.pop(req_msg_id, None)
        if state is None or state.future.done():
            return
        try:
            result = read_answer(state.request, body)
        except errors.RPCError as refusal:
            state.future.set_exception(refusal)
        except Exception as error:  # whatever Telethon's readers raise for what they do not know
            name = type(innermost(state.request)).__name__
            self._note_unreadable(f"the answer to {name}", error)
            state.future.set_exception(
                UnreadableError(f"the answer to {name} cannot be read ({reason(error)})")
            )
        else:
            self._store_own_updates(result)
            state.future.set_result(result)

    def _note_unreadable(self, what: str, error: Exception) -> None:
        self._link_state.unreadable = count = self._link_state.unreadable + 1
        if count & (count - 1) == 0:  # the first, the second, the fourth, ...
            logger.warning("Telegram sent what cannot be read, %d times since the start; now %s: %s",
                           count, what, places(error))  # fmt: skip

    # ---- Telethon's handlers of single messages --------------------------------------------------

    async def _handle_pong(self, message: Message) -> None:
        self._worked()
        self._server_time.note_unix(message.msg_id / 2**32)
        state = self._pending_state.pop(message.obj.msg_id, None)
        if state is not None and not state.future.done():
            state.future.set_result(message.obj)

    async def _handle_new_session_created(self, message: Message) -> None:
        if not self._fruitless:
            self._missed()  # Telegram lost the session of this link, and with it what it would have pushed
        self._worked()
        await super()._handle_new_session_created(message)

    async def _handle_bad_server_salt(self, message: Message) -> None:
        self._state.salt = message.obj.new_server_salt
        self._send_again(message.obj.bad_msg_id, 48)

    async def _handle_bad_notification(self, message: Message) -> None:
        code = message.obj.error_code
        if code in (16, 17):
            self._state.take_time(message.msg_id)
        elif code in (32, 33):
            self._state.move_sequence(64 if code == 32 else -16)
        self._send_again(message.obj.bad_msg_id, code)

    def _send_again(self, bad_msg_id: int, code: int) -> None:
        """Send the messages again that Telegram refused; over a fresh link, or give up, if that goes on."""
        # A link begins with a salt that Telegram refuses: code 48 says nothing.
        level = logging.DEBUG if code == 48 else logging.INFO
        logger.log(level, "Telegram refused a message (bad_msg_notification %d); sending it again", code)
        renewing = False
        for state in self._pop_states(bad_msg_id):
            if state.future.done():
                continue
            refused = self._refusals[state.future] = self._refusals.get(state.future, 0) + 1
            renewing = renewing or refused == _RENEWING_REFUSAL
            if refused <= _MAX_REFUSALS:
                self._send_queue.append(state)
            else:
                state.future.set_exception(errors.TimedOutError(state.request, "Timeout"))
        if renewing:
            self._link_state.renew(f"Telegram refuses a message again and again (code {code})")
