"""The client: Telethon's, logged in as a bot, which loses nothing and sends nothing twice."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from telethon import TelegramClient, errors, events, functions, utils
from telethon.client.chats import _ChatAction
from telethon.crypto import rsa
from telethon.errors import AuthKeyNotFound
from telethon.tl import types

from tgbot.client.action import ChatAction
from tgbot.client.calls import Calls, error_name, waiting
from tgbot.client.connection import BotConnection, BotSender, UpClock
from tgbot.client.conversation import Conversation, feed
from tgbot.client.difference import UpdateBox
from tgbot.client.dispatch import Dispatcher, Job
from tgbot.client.intake import Intake
from tgbot.client.peers import PeerCache
from tgbot.errors import LoginRefusedError, WrongBotError
from tgbot.session import DurableSession, UpdateState

logger = logging.getLogger(__name__)

#: How old the last checkpoint may be while messages are sent, in seconds; how far a start looks back.
LOOK_BACK = 10.0
#: Added to the look-back for what the clocks of two machines may differ by.
_CLOCK_MARGIN = 5
#: How often a checkpoint is made while anything changes, in seconds.
CHECKPOINT_EVERY = 1.0
#: How often Telegram is pinged, in seconds.
_PING_EVERY = 30.0
#: Own messages of differences kept after the look-back, for sends whose answer was cut off.
_REPLIES_KEPT = 20_000

_REFUSED = (
    errors.AccessTokenInvalidError,
    errors.AccessTokenExpiredError,
    errors.ApiIdInvalidError,
    errors.UserDeactivatedError,
    errors.UserDeactivatedBanError,
)


async def _nothing() -> None:
    return None


def _ignore(*_: Any) -> None:
    return None


def _zero(_: int) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Server:
    """A server other than Telegram's own: its address, DC id, and the PEM text of its RSA public key."""

    host: str
    port: int
    dc_id: int
    public_key: str | None


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the client tells, and asks of, whoever keeps the users. None of them may block.

    `flush` returns when everything told before is on disk. `finished(chat, message id, own id)`: the private
    message was handled to its end, and `own id` is the greatest of our own in that chat known then (or 0).
    `seen(users, source)`: full (never min) users that arrived, once a container. `outcome(request, user id,
    error name or None)`: how a call about a private user ended. `lost(what)`: something is gone for good.
    """

    flush: Callable[[], Awaitable[None]] = _nothing
    finished: Callable[[int, int, int], None] = _ignore
    last_finished: Callable[[int], int] = _zero
    last_own: Callable[[int], int] = _zero
    seen: Callable[[list[Any], str], None] = _ignore
    outcome: Callable[[Any, int, str | None], None] = _ignore
    lost: Callable[[str], None] = _ignore


class BotClient(TelegramClient):
    """A TelegramClient for a bot on a DurableSession. Handlers are registered and written as for Telethon.

    `login`, then `start_updates` once the handlers are registered, then `stop`. `failed` is set to the error
    that ends the bot (its login was refused, the disk is full). Every event has `replayed`: True if its
    update may have been handled before, in a run that was killed.
    """

    def __init__(
        self,
        session: DurableSession,
        api_id: int,
        api_hash: str,
        *,
        server: Server | None = None,
        hooks: Hooks | None = None,
        concurrency: int = 100,
        handler_seconds: float = 60.0,
    ) -> None:
        super().__init__(
            session,
            api_id,
            api_hash,
            connection=BotConnection,
            use_ipv6=server is not None and ":" in server.host,
            connection_retries=-1,
            catch_up=False,
        )
        self.me: Any = None
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._hooks = hooks or Hooks()
        self._server = server
        self._mb_entity_cache = PeerCache(session)
        self._message_box = UpdateBox(self._log["messagebox"])
        self._up = UpClock()
        self._dispatcher = Dispatcher(
            self._handle,
            self._finish,
            workers=concurrency,
            limit=handler_seconds,
            clock=self._up,
        )
        self.intake = Intake(
            self._message_box,
            self._dispatcher,
            call=self,
            remember=self._remember,
            last_finished=self._hooks.last_finished,
            converse=self._converse,
            server_date=self._note_server_date,
            lost=self._hooks.lost,
            entity_cache=self._mb_entity_cache,
        )
        self._updates_queue = self.intake
        self._calls = Calls(
            send=self._send_once,
            bot_id=lambda: self._mb_entity_cache.self_id,
            replies=self.intake.replies,
            may_send=self._may_send,
            caught_up=self.intake.caught_up,
            last_own=self._hooks.last_own,
            remember=self._remember,
            outcome=self._hooks.outcome,
            resolve_wait=session.resolves_again_in,
            count_resolve=session.count_resolve,
            switch_dc=self._switch_dc,
            flood_threshold=lambda: self.flood_sleep_threshold,
        )
        self._sender = BotSender(
            session.auth_key,
            loggers=self._log,
            retries=-1,
            auto_reconnect=True,
            connect_timeout=self._timeout,
            auth_key_callback=self._auth_key_callback,
            updates_queue=self.intake,
            auto_reconnect_callback=self._handle_auto_reconnect,
            on_down=self._up.stop,
            on_up=self._up.start,
        )
        self._token = ""
        self._taking = asyncio.Event()
        self._background: set[asyncio.Task[Any]] = set()
        self._checkpoint_lock = asyncio.Lock()
        self._checkpoint_wanted = asyncio.Event()
        self._checkpoint_made = asyncio.Event()
        self._checkpointed = float("-inf")
        self._written: tuple[int, UpdateState | None] = (-1, None)
        self._server_offset: float | None = None
        #: Handlers that raised, since the start.
        self.handler_errors = 0

    # ---- login ---------------------------------------------------------------------------------

    async def login(self, token: str) -> None:
        """Connect, however long that takes, and log in with a bot token; `me` is set when this returns.

        A session that is logged in stays so, and keeps its update state. WrongBotError if the session or
        the login belong to another bot than the token; LoginRefusedError if Telegram refuses the token.
        """
        self._token = token
        wanted = int(token.partition(":")[0])
        known = self.session.bot_id()
        if known is not None and known != wanted:
            raise WrongBotError(self.session.path, known, wanted)
        state = self.session.update_state()
        if state is not None:
            self._message_box.load_state(state)
        self._use_server()
        try:
            await self.connect()
        except AuthKeyNotFound:
            await self._forget_auth_key()
            await self.connect()
        fingerprint = sha256(f"tgbot:{token}".encode()).hexdigest()
        me = await self.get_me()
        if me is not None and me.id != wanted:
            raise WrongBotError(self.session.path, me.id, wanted)
        if me is None or self.session.value("token") not in (None, fingerprint):
            await self._import_authorization()
            me = await self.get_me()
            if me is None or me.id != wanted:
                raise WrongBotError(self.session.path, me.id if me else 0, wanted)
        await self._on_login(me)
        self.session.set_bot_id(me.id)
        self.session.set_value("token", fingerprint)
        self.me = me
        self._spawn(self._supervise())

    def _use_server(self) -> None:
        server = self._server
        if server is None:
            return
        if server.public_key is not None:
            rsa.add_key(server.public_key, old=False)
        session = self.session
        if (session.dc_id, session.server_address, session.port) != (server.dc_id, server.host, server.port):
            session.set_dc(server.dc_id, server.host, server.port)

    async def _forget_auth_key(self) -> None:
        """Start over with a new key: the server does not know ours (any more)."""
        logger.warning("the server does not know our auth key; logging in anew")
        await self._disconnect()
        self._sender.auth_key.key = None
        self.session.auth_key = None

    async def _import_authorization(self) -> None:
        request = functions.auth.ImportBotAuthorizationRequest(
            flags=0, api_id=self.api_id, api_hash=self.api_hash, bot_auth_token=self._token
        )
        try:
            await self(request)
        except (*_REFUSED, errors.UnauthorizedError) as error:
            raise LoginRefusedError(error_name(error)) from None
        except errors.AuthKeyError as error:
            logger.warning("Telegram refuses the auth key (%s)", error_name(error))
            await self._forget_auth_key()
            await self.connect()
            await self(request)

    async def _on_login(self, user: Any) -> Any:
        self._mb_entity_cache.set_self_user(user.id, user.bot, user.access_hash)
        self._authorized = True
        if self._message_box.is_empty():
            state = await self(functions.updates.GetStateRequest())
            # The state that a new login is told may have an old qts; the difference from it has the right one.
            difference = await self(
                functions.updates.GetDifferenceRequest(pts=state.pts, date=state.date, qts=state.qts)
            )
            state = getattr(difference, "state", None) or state
            first = UpdateState(state.pts, state.qts, int(state.date.timestamp()), state.seq)
            self._note_server_date(state.date)
            # On disk before the first update is taken: a kill from now on loses none.
            await asyncio.to_thread(self.session.write_state, first, self.server_time())
            self._message_box.load_state(first)
        return user

    async def _supervise(self) -> None:
        """Come back after what Telethon gives up at; end the bot where nobody can."""
        while True:
            try:
                await self.disconnected
            except AuthKeyNotFound:
                await self._forget_auth_key()
            except Exception as error:
                logger.warning("disconnected (%s); connecting again", type(error).__name__)
                await asyncio.sleep(1)
                await self._disconnect()
            else:
                return
            try:
                await self.connect()
                if await self.get_me() is None:
                    await self._import_authorization()
            except Exception as error:
                self._fail(error)
                return
            self.intake.begin_difference()

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_result(error)

    # ---- updates -------------------------------------------------------------------------------

    async def start_updates(self) -> None:
        """Begin to handle updates, first all since the state on disk."""
        self._dispatcher.start()
        checkpoint_at = self.session.value("checkpoint_at")
        clean = self.session.value("clean")
        look_back = None if clean or checkpoint_at is None else int(checkpoint_at + LOOK_BACK) + _CLOCK_MARGIN
        await asyncio.to_thread(self.session.set_value, "clean", 0)
        self.intake.start(look_back)
        self._taking.set()
        self._spawn(self._keep_checkpoints())

    async def stop(self, grace: float) -> bool:
        """Take no more updates, finish those under way, make a checkpoint and disconnect.

        Returns False if some did not finish within `grace` seconds: they are handled again after the next
        start.
        """
        self.intake.stop()
        drained = await self._dispatcher.drain(grace)
        await self._dispatcher.stop()
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        try:
            if self._taking.is_set() and not self.failed.done():
                await self.checkpoint()
                if drained:
                    await asyncio.to_thread(self.session.set_value, "clean", 1)
        finally:
            await self.disconnect()
        return drained

    async def _update_loop(self) -> None:
        try:
            await self._taking.wait()
            while True:
                try:
                    await self.intake.run()
                except (errors.UnauthorizedError, errors.AuthKeyError) as error:
                    logger.warning("Telegram ended the login (%s); logging in again", error_name(error))
                    await self._import_authorization()
                except AuthKeyNotFound:
                    return  # `_supervise` connects anew, and starts this loop again
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._fail(error)

    async def _keepalive_loop(self) -> None:
        while True:
            await asyncio.sleep(_PING_EVERY)
            if self._sender._transport_connected():
                with suppress(ConnectionError):
                    self._sender._keepalive_ping(time.monotonic_ns())
            await self._clean_exported_senders()

    async def _handle_auto_reconnect(self) -> None:
        self.intake.begin_difference()

    async def _save_states_and_entities(self) -> None:
        """Write nothing: only the checkpoint writes update state."""

    async def _preprocess_updates(self, updates: Any, users: Any, chats: Any) -> Any:
        """Unused: the intake takes updates in."""
        raise NotImplementedError

    def _remember(self, users: list[Any], chats: list[Any], source: str) -> None:
        self.session.remember(users)
        if chats:
            self.session.remember(chats)
        full = [user for user in users if type(user) is types.User and not user.min]
        if full:
            self._hooks.seen(full, source)

    def _converse(self, job: Job) -> None:
        if self._conversations:
            feed(self, job)

    def _finish(self, job: Job) -> None:
        if job.message_id:
            self._hooks.finished(job.dialog, job.message_id, job.last_own)
        self.intake.inflight.finish(job.batch)
        self.intake.room()

    async def _handle(self, job: Job) -> None:
        update = job.update
        update.replayed = job.replayed
        built: dict[type, Any] = {}
        for builder, callback in tuple(self._event_builders):
            kind = type(builder)
            if kind in built:
                event = built[kind]
            else:
                event = built[kind] = self._build_event(kind, builder, update, job)
            if not event:
                continue
            if not builder.resolved:
                await builder.resolve(self)
            wanted = builder.filter(event)
            if inspect.isawaitable(wanted):
                wanted = await wanted
            if not wanted:
                continue
            try:
                await callback(event)
            except events.StopPropagation:
                return
            except errors.AlreadyInConversationError:
                continue
            except Exception:
                self.handler_errors += 1
                name = getattr(callback, "__qualname__", repr(callback))
                logger.exception("unhandled exception in %s.%s", getattr(callback, "__module__", "?"), name)

    def _build_event(self, kind: type, builder: Any, update: Any, job: Job) -> Any:
        if kind is events.Raw:
            return update
        event = builder.build(update, None, self._mb_entity_cache.self_id)
        if isinstance(event, events.common.EventCommon):
            # Before the client is set: afterwards a NewMessage hands attributes on to its message.
            event.__dict__["replayed"] = job.replayed
            event.original_update = update
            event._entities = job.entities
            event._set_client(self)
        elif event:
            event._client = self
        return event

    # ---- calls ---------------------------------------------------------------------------------

    async def _call(
        self, sender: Any, request: Any, ordered: bool = False, flood_sleep_threshold: int | None = None
    ) -> Any:
        if not utils.is_list_like(request):
            await request.resolve(self, utils)
            return await self._calls.call(sender, request, ordered)
        requests = list(request)
        for one in requests:
            await one.resolve(self, utils)
        if ordered:
            results: list[Any] = []
            for one in requests:
                try:
                    results.append(await self._calls.call(sender, one, ordered))
                except errors.RPCError as error:
                    results.append(error)
        else:
            calls = (self._calls.call(sender, one, ordered) for one in requests)
            results = await asyncio.gather(*calls, return_exceptions=True)
        failed = [result if isinstance(result, BaseException) else None for result in results]
        for error in failed:
            if error is not None and not isinstance(error, errors.RPCError):
                raise error
        if any(failed):
            raise errors.MultiError(
                failed, [None if f else r for f, r in zip(failed, results, strict=True)], requests
            )
        return results

    async def _send_once(self, sender: Any, request: Any, ordered: bool) -> Any:
        future = sender.send(request, ordered=ordered)
        if self._up.running:
            return await future
        with waiting():
            return await future

    async def _may_send(self) -> None:
        """Wait until a send is safe: what had been sent before is known, and the checkpoint is fresh."""
        if not self._taking.is_set():
            return
        if not self.intake.looked_back.is_set():
            with waiting():
                await self.intake.looked_back.wait()
        while time.monotonic() - self._checkpointed > LOOK_BACK:
            with waiting():
                self._checkpoint_made.clear()
                self._checkpoint_wanted.set()
                await self._checkpoint_made.wait()

    def action(self, entity: Any, action: Any, *, delay: float = 4, auto_cancel: bool = True) -> Any:
        """Return a chat action that asks Telegram on entering and raises its error there; see ChatAction."""
        made = super().action(entity, action, delay=delay, auto_cancel=auto_cancel)
        if not isinstance(made, _ChatAction):
            return made
        return ChatAction(self, made._chat, made._action, delay=delay, auto_cancel=auto_cancel)

    def conversation(
        self,
        entity: Any,
        *,
        timeout: float = 60,
        total_timeout: float | None = None,
        max_messages: int = 100,
        exclusive: bool = True,
        replies_are_responses: bool = True,
    ) -> Conversation:
        """Open a conversation as Telethon does; its chat is not held up by the handler meanwhile."""
        return Conversation(
            self,
            entity,
            timeout=timeout,
            total_timeout=total_timeout,
            max_messages=max_messages,
            exclusive=exclusive,
            replies_are_responses=replies_are_responses,
        )

    # ---- time and checkpoints ------------------------------------------------------------------

    def server_time(self) -> int:
        """Return Telegram's time in unix seconds, as well as it is known."""
        return int(time.time() + (self._server_offset or 0.0))

    def _note_server_date(self, date: Any) -> None:
        """Learn from a date that Telegram gave just now how far its clock is ahead of ours."""
        if date is None:
            return
        offset = date.timestamp() - time.time()
        # Dates come late and are cut to seconds, so the greatest one seen is the nearest.
        if self._server_offset is None or offset > self._server_offset:
            self._server_offset = offset

    async def checkpoint(self) -> None:
        """Put everything finished so far on disk: the registry first, then peers and state together."""
        async with self._checkpoint_lock:
            at, began = self.server_time(), time.monotonic()
            written = (self.intake.changes, self.intake.mark())
            await self._hooks.flush()
            await self.session.checkpoint(written[1], at)
            self._written, self._checkpointed = written, began
            self._checkpoint_made.set()
            replies = self.intake.replies
            if self.intake.looked_back.is_set() and not self._dispatcher.waiting and not self._calls.pending:
                replies.clear()
            elif self.intake.looked_back.is_set():
                replies.trim(_REPLIES_KEPT)

    async def _keep_checkpoints(self) -> None:
        try:
            while True:
                try:
                    async with asyncio.timeout(CHECKPOINT_EVERY):
                        await self._checkpoint_wanted.wait()
                except TimeoutError:
                    age = time.monotonic() - self._checkpointed
                    changed = self._written[0] != self.intake.changes or self.session.changed
                    if not changed and not (self._calls.pending and age > LOOK_BACK / 2):
                        continue
                self._checkpoint_wanted.clear()
                await self.checkpoint()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            logger.critical("no checkpoint can be made; stopping before anything is lost: %s", error)
            self._fail(error)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something beside the handlers, until the bot stops; its errors are logged."""
        self._spawn(work)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a task beside the handlers failed", exc_info=error)
