"""The client: Telethon's, logged in as a bot, which loses nothing and sends nothing twice."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from telethon import TelegramClient, errors, utils
from telethon.client.chats import _ChatAction
from telethon.errors import AuthKeyNotFound
from telethon.extensions import markdown
from telethon.tl import types

from tgbot.core.clock import ServerClock
from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram.calls.chain import Calls, error_name, waiting
from tgbot.telegram.checkpoints import Checkpoints
from tgbot.telegram.clocks import UpClock
from tgbot.telegram.compat.action import ChatAction
from tgbot.telegram.compat.conversation import Conversation, feed
from tgbot.telegram.compat.entities import PeerCache
from tgbot.telegram.hooks import Hooks
from tgbot.telegram.login import LOGIN_ENDED, Login, Server, making_login
from tgbot.telegram.updates.batches import Batches
from tgbot.telegram.updates.box import UpdateBox
from tgbot.telegram.updates.dispatch import Dispatcher, Job
from tgbot.telegram.updates.events import handle
from tgbot.telegram.updates.intake import Intake
from tgbot.telegram.updates.lookback import LookBack
from tgbot.telegram.wire.link import BotConnection, BotSender, introduced

logger = logging.getLogger(__name__)

#: How often Telegram is pinged, in seconds.
_PING_EVERY = 30.0
#: Own messages of differences kept after the look-back, for sends whose answer was cut off.
_REPLIES_KEPT = 20_000


#: What any of Telethon's markdown begins with.
_MARKUP = re.compile(r"[*_~`\[]")


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
        server_time: ServerClock | None = None,
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
        #: The bot's own user, once logged in.
        self.me: Any = None
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        #: Telegram's time in unix seconds.
        self.server_time = server_time or ServerClock(wall=time.time, monotonic=time.monotonic)
        #: Handlers that raised, since the start.
        self.handler_errors = 0
        #: What was lost for good, and how often, since the start.
        self.losses: Counter[str] = Counter()
        self._stopped = False
        self._hooks = hooks = hooks or Hooks()
        self._up = UpClock()
        self._taking = asyncio.Event()
        self._background: set[asyncio.Task[Any]] = set()
        self._mb_entity_cache = PeerCache(session)
        self._message_box = UpdateBox(self._log["messagebox"])
        self._dispatcher = Dispatcher(
            self._handle, self._finish, workers=concurrency, limit=handler_seconds, clock=self._up
        )
        self._batches = Batches(
            self._dispatcher,
            remember=self._remember,
            last_finished=hooks.last_finished,
            converse=self._converse,
            entity_cache=self._mb_entity_cache,
        )
        self._look_back = LookBack(hooks.last_own)
        self.intake = Intake(
            self._message_box,
            self._batches,
            self._look_back,
            self._dispatcher,
            call=self,
            server_date=self.server_time.note,
            lost=self._lost,
            entity_cache=self._mb_entity_cache,
        )
        self._updates_queue = self.intake
        self._calls = Calls(
            send=self._send_once,
            bot_id=lambda: self._mb_entity_cache.self_id,
            replies=self._look_back.replies,
            may_send=self._may_send,
            caught_up=self.intake.caught_up,
            remember=self._remember,
            outcome=hooks.outcome,
            server_time=self.server_time,
            resolve_wait=session.resolves_again_in,
            count_resolve=session.count_resolve,
            switch_dc=self._switch_dc,
            flood_threshold=lambda: self.flood_sleep_threshold,
        )
        self._checkpoints = Checkpoints(
            session,
            flush=hooks.flush,
            mark=lambda: (self.intake.changes, self.intake.mark()),
            busy=lambda: bool(self._calls.pending),
            made=self._forget_replies,
            server_time=self.server_time,
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
            on_lost=lambda: self._login.there.clear(),
        )
        self._login = Login(self, server)

    @property
    def connected(self) -> bool:
        """Whether there is a link now (Telethon's `is_connected` stays true while it looks for one)."""
        return self._up.running

    # ---- login and lifetime --------------------------------------------------------------------

    async def login(self, token: str) -> None:
        """Connect, however long that takes, and log in with a bot token; `me` is set when this returns.

        A session that is logged in stays so, and keeps its update state. Raises WrongBotError and
        LoginRefusedError.
        """
        state = self.session.update_state()
        if state is not None:
            self._message_box.load_state(state)
        self.me = await self._login.log_in(token)
        self.spawn(self._end_with(lambda: self._login.keep_up(self.intake.begin_difference)))

    async def start_updates(self) -> None:
        """Begin to handle updates, first all since the state on disk."""
        look_back_until = await self._checkpoints.begin()
        self._dispatcher.start()
        self.intake.start(look_back_until)
        self._taking.set()
        self.spawn(self._end_with(self._checkpoints.keep))

    async def checkpoint(self) -> None:
        """Put everything finished so far on disk."""
        await self._checkpoints.make()

    async def stop(self, grace: float) -> bool:
        """Take no more updates, finish those under way, make a checkpoint and disconnect.

        Returns False if some did not finish within `grace` seconds: they are handled again after the next
        start.
        """
        self.intake.stop()
        # Once the bot has failed, what is under way waits for a login or a checkpoint that will not come.
        drained = await self._dispatcher.drain(0 if self.failed.done() else grace)
        await self._dispatcher.stop()
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        try:
            if self.me is not None and not self.failed.done():
                await self._checkpoints.end(clean=drained and self._taking.is_set())
        finally:
            self._stopped = True
            await self.disconnect()
            with suppress(Exception):  # why the link had been down does not matter any more
                await self.disconnected
        return drained

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something beside the handlers, until the bot stops; its errors are logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a task beside the handlers failed", exc_info=error)

    async def _end_with(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run one of the tasks without which the bot cannot go on: an error of it ends the bot."""
        try:
            await work()
        except Exception as error:
            if not self.failed.done():
                self.failed.set_result(error)

    # ---- what Telethon calls -------------------------------------------------------------------

    async def _on_login(self, user: Any) -> Any:
        self._mb_entity_cache.set_self_user(user.id, user.bot, user.access_hash)
        self._authorized = True
        if self._message_box.is_empty():
            state = await self._login.first_state()
            came = self.intake.pts_before_held()
            if came is not None and came < state.pts:
                state = replace(state, pts=came)  # it came between the login and the state
            # On disk before the first update is taken: a kill from now on loses none.
            await asyncio.to_thread(self.session.write_state, state, self.server_time())
            await asyncio.to_thread(self.session.set_value, "clean", 1)  # nothing has been sent since
            self._message_box.load_state(state)
        return user

    async def _update_loop(self) -> None:
        await self._end_with(self._take_updates)

    async def _take_updates(self) -> None:
        await self._taking.wait()
        while True:
            try:
                await self.intake.run()
            except (errors.UnauthorizedError, errors.AuthKeyError) as error:
                logger.warning("Telegram ended the login (%s); logging in again", error_name(error))
                self._login.ended()
                await self._login.there.wait()
            except AuthKeyNotFound:
                return  # a new connection is made, and this loop started again

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

    # ---- updates -------------------------------------------------------------------------------

    def _remember(self, users: list[Any], chats: list[Any], source: str) -> None:
        self.session.remember(users)
        if chats:
            self.session.remember(chats)
        full = [user for user in users if type(user) is types.User and not user.min and not user.is_self]
        if full:
            self._hooks.seen(full, source)

    def _converse(self, job: Job) -> None:
        if self._conversations:
            feed(self, job)

    def _finish(self, job: Job) -> None:
        if job.message_id:
            self._hooks.finished(job.dialog, job.message_id, job.last_own)
        self._batches.finish(job)
        self.intake.room()

    def _lost(self, what: str) -> None:
        self.losses[what] += 1
        self._hooks.lost(what)

    def _forget_replies(self) -> None:
        replies = self._look_back.replies
        if len(replies) and self._look_back.done.is_set() and not self._batches.replaying:
            if self._dispatcher.waiting or self._calls.pending:
                replies.trim(_REPLIES_KEPT)
            else:
                replies.clear()

    async def _handle(self, job: Job) -> None:
        self.handler_errors += await handle(self, job)

    # ---- calls ---------------------------------------------------------------------------------

    async def _call(
        self, sender: Any, request: Any, ordered: bool = False, flood_sleep_threshold: int | None = None
    ) -> Any:
        if not utils.is_list_like(request):
            await request.resolve(self, utils)
            return await self._calls.call(sender, request)
        requests = list(request)
        for one in requests:
            await one.resolve(self, utils)
        return await self._calls.call_all(sender, requests, ordered=ordered)

    async def _parse_message_text(self, message: Any, parse_mode: Any) -> Any:
        # Telethon parses every text, which costs as much as the rest of a send; most have nothing to parse.
        markdown_text = parse_mode == () and self._parse_mode is markdown and isinstance(message, str)
        if markdown_text and not _MARKUP.search(message):
            return message.strip(), []
        return await super()._parse_message_text(message, parse_mode)

    async def _send_once(self, sender: Any, request: Any) -> Any:
        try:
            return await self._send_until_there(sender, request)
        except errors.ConnectionNotInitedError:
            self._sender.unknown = True
            return await self._send_until_there(sender, request)

    async def _send_until_there(self, sender: Any, request: Any) -> Any:
        if sender is self._sender and sender.unknown:
            sender.unknown = False
            request = introduced(self._init_request, request)
        if sender is not self._sender or self.me is None or making_login.get():
            return await sender.send(request)
        while True:
            future = None
            try:
                future = sender.send(request)
                if self._up.running:
                    return await future
                with waiting():
                    return await future
            except LOGIN_ENDED:
                self._login.ended()
            except (AuthKeyNotFound, OSError, BufferError):
                if self._stopped:
                    raise
            except asyncio.CancelledError:
                # Telethon cancels what waits for an answer when it disconnects; that is not our task's end.
                task = asyncio.current_task()
                if self._stopped or future is None or not future.cancelled() or (task and task.cancelling()):
                    raise
            with waiting():
                await self._login.there.wait()

    async def _may_send(self) -> None:
        """Wait until a send is safe: what had been sent before is known, and the checkpoint is fresh."""
        if not self._taking.is_set():
            return
        if not self._look_back.done.is_set():
            with waiting():
                await self._look_back.done.wait()
        await self._checkpoints.fresh()

    def action(self, entity: Any, action: Any, *, delay: float = 4, auto_cancel: bool = True) -> Any:
        """Return a chat action that asks Telegram on entering and raises its error there; see ChatAction."""
        made = super().action(entity, action, delay=delay, auto_cancel=auto_cancel)
        if not isinstance(made, _ChatAction):
            return made
        return ChatAction(self, made._chat, made._action, delay=delay, auto_cancel=auto_cancel)

    def conversation(self, entity: Any, **options: Any) -> Conversation:
        """Open a conversation as Telethon does; its chat is not held up by the handler meanwhile."""
        defaults = {
            "timeout": 60,
            "total_timeout": None,
            "max_messages": 100,
            "exclusive": True,
            "replies_are_responses": True,
        }
        return Conversation(self, entity, **(defaults | options))
