"""The client: Telethon's, logged in as a bot, which loses nothing and sends nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, Final

from telethon import TelegramClient
from telethon.extensions import markdown
from telethon.hints import EntityLike
from telethon.tl import types

from tgbot.core.clock import ServerClock
from tgbot.core.ids import marked_channel
from tgbot.store.base import ParkedUpdates, Store
from tgbot.store.session import BotSession
from tgbot.telegram.calls.call import Call, Caller, is_resolved
from tgbot.telegram.calls.direct import Direct
from tgbot.telegram.calls.entrance import Entrance
from tgbot.telegram.calls.limits import FloodWaits, LookupBudget
from tgbot.telegram.calls.link import UntilAnswered
from tgbot.telegram.calls.named import NamedSends
from tgbot.telegram.calls.observed import Observed
from tgbot.telegram.calls.plain import Typing, message_sent, plain_text
from tgbot.telegram.calls.retries import Retries
from tgbot.telegram.calls.straight import Straight
from tgbot.telegram.checkpoints import Checkpoints
from tgbot.telegram.compat.action import ChatAction
from tgbot.telegram.compat.albums import Albums
from tgbot.telegram.compat.closed import Closed
from tgbot.telegram.compat.conversation import Conversation, feed
from tgbot.telegram.compat.presses import PRESSES, acknowledged
from tgbot.telegram.drain import Drain
from tgbot.telegram.elsewhere import OtherCentres
from tgbot.telegram.figures import Figures
from tgbot.telegram.hooks import Listener
from tgbot.telegram.inside import Inside
from tgbot.telegram.login import Login, PlainClient
from tgbot.telegram.meter import Meter, Metered
from tgbot.telegram.peers import Peers
from tgbot.telegram.server import Server, use_server
from tgbot.telegram.tasks import Background
from tgbot.telegram.updates.batches import Batches
from tgbot.telegram.updates.dispatch import Dispatcher
from tgbot.telegram.updates.events import Handlers, Tell
from tgbot.telegram.updates.finished import Finished
from tgbot.telegram.updates.guard import keep
from tgbot.telegram.updates.history import History
from tgbot.telegram.updates.holds import Hold
from tgbot.telegram.updates.intake import Intake
from tgbot.telegram.updates.job import Job, current_job
from tgbot.telegram.updates.marks import Marks
from tgbot.telegram.updates.missed import Missed
from tgbot.telegram.updates.parking import Nowhere, Parking
from tgbot.telegram.updates.requests import Requests
from tgbot.telegram.updates.watch import Watch
from tgbot.telegram.wire.gate import connections
from tgbot.telegram.wire.link import LinkState
from tgbot.telegram.wire.loggers import SafeLoggers
from tgbot.telegram.wire.proxy import Proxy
from tgbot.telegram.wire.pulse import Pulse
from tgbot.telegram.wire.sender import BotSender

_new: Final = tuple.__new__  # of a NamedTuple: its own __new__ is a function in Python


class BotClient(Closed, TelegramClient):
    """A TelegramClient for a bot on a BotSession. Handlers are registered and written as for Telethon.

    `login`, then `start_updates` once the handlers are registered, then `stop`. Every event has `replayed`:
    True if its update may have been handled before, in an earlier run. What arrives goes to `listener`, and
    at each checkpoint `store` writes it with the update state. Updates that cannot be finished are kept in
    `parked`, which belongs to the store; without it they count as finished. `marks` is the path of a file: it
    tells after a death of the process which update was being handled. `meter` counts what passes, if given.
    `missed` makes what reads the holes that no difference fills; without it their messages are lost. While
    `may_send` returns False, what is sent waits: no byte leaves.
    """

    def __init__(
        self,
        session: BotSession,
        api_id: int,
        api_hash: str,
        *,
        store: Store,
        listener: Listener,
        server_time: ServerClock,
        server: Server | None = None,
        proxy: Proxy | None = None,
        parked: ParkedUpdates | None = None,
        keep_failed: bool = True,
        marks: Path | None = None,
        concurrency: int = 100,
        handler_seconds: float = 60.0,
        meter: Meter | None = None,
        missed: Callable[[History, Batches], Missed] | None = None,
        may_send: Callable[[], bool] | None = None,
    ) -> None:
        ipv6 = server is not None and ":" in server.host
        super().__init__(session, api_id, api_hash, use_ipv6=ipv6, connection_retries=-1, catch_up=False)
        self._log = SafeLoggers()
        #: The bot's own user, once logged in.
        self.me: types.User = None
        #: Telegram's time in unix seconds.
        self.server_time = server_time
        self._store, self._finished = store, Finished(listener.finished)
        self._route = connections(proxy, may_send)
        self._server, self._link_state, self._tasks = server, LinkState(), Background()
        #: The error that ends the bot, once there is one: its login was refused, the disk is full.
        self.failed = self._tasks.failed
        #: The tasks of plugins that `stop` cut off, as "NAME (module)".
        self.cut = self._tasks.cut
        self._mb_entity_cache = peers = Peers(session, listener)
        self._marks = Marks(marks)
        self._handlers = Handlers(self, peers, self._marks, meter.measured if meter else None)
        self._dispatcher = Dispatcher(
            meter.counted(self._handle) if meter else self._handle,
            self._finish,
            workers=concurrency,
            limit=handler_seconds,
            clock=self._link_state.up,
            marks=self._marks,
            may_send=may_send,
        )
        #: The updates that could not be finished.
        self.parking = Parking(
            Nowhere() if parked is None else parked,
            self._dispatcher.put,
            load=store.load,
            now=server_time,
            marks=self._marks,
            listener=listener,
            keep_failed=keep_failed,
        )
        self._batches = Batches(self._put, store, peers, listener)
        requests = Requests(self, self._link_state.up)
        #: What Telegram keeps of the past.
        self.history = History(requests, peers.remember)
        self.intake = self._updates_queue = Intake(
            self._batches,
            requests=requests,
            server_time=server_time,
            listener=listener,
            access_hash=lambda channel: session.access_hash(marked_channel(channel)),
            renew=self._link_state.renew,
            is_up=lambda: self._link_state.up.running,
            missed=missed and missed(self.history, self._batches),
        )
        self.inside = Inside(self._handlers, self.intake, self._dispatcher, self._marks)
        self._watch = Watch(self.intake, requests, renew=self._link_state.renew, up=self._link_state.up)
        catching_up = partial(getattr, self.intake, "catching_up")
        self._album_line = Albums(self._begin, wanted=self._handlers.want_albums, catching_up=catching_up)
        self._album_line.finish = self._finish
        self.drain = Drain(self.intake, self._album_line, self._batches, self.parking)
        #: How often updates were lost, by the reason.
        self.losses = self.intake.losses
        self._checkpoints = Checkpoints(store, self.intake.mark)
        self._sender = BotSender(
            session.auth_key,
            state=self._link_state,
            server_time=server_time,
            updates=self.intake.put_nowait,
            missed=self.intake.begin_difference,
            reconnected=self.intake.link_made,
            key_made=self._auth_key_callback,
        )
        link = UntilAnswered(self._sender, self._link_state, self._init_request)
        self._elsewhere = OtherCentres(link, self, self._init_request, self._route, ipv6=self._use_ipv6)
        observed = Observed(self._elsewhere, listener, peers, server_time)
        floods = FloodWaits(retries := Retries(observed, lambda dc_id: self._login.switch_dc(dc_id)))
        chain = NamedSends(LookupBudget(floods, session), peers)
        calls = Straight(chain, chain.complete, floods, observed, link, server_time)
        self._calls: Caller = Metered(calls, meter) if meter else calls
        self._entrance = Entrance(self._calls, self, peers)
        #: Makes requests that are ready as they are, for work that makes many.
        self.direct = Direct(self._calls, self._sender)
        #: Numbers about this client.
        self.figures = Figures(
            *(self._link_state, self.intake, self._watch, self._batches, self._dispatcher, self._handlers),
            *(self._checkpoints, floods, retries, self._entrance),
        )
        self._login = Login(
            PlainClient(self), session, self.intake, self._link_state, server_time, server, proxy
        )

    @property
    def connected(self) -> bool:
        """Whether there is a link now (Telethon's `is_connected` stays true while it looks for one)."""
        return self._link_state.up.running

    def proof_age(self) -> float:
        """Return the seconds since the last proof that updates reach the bot.

        A proof is an update taken in order, a difference, or a state of Telegram's that equals the bot's.
        """
        return self._watch.proof_age()

    @property
    def logged_in(self) -> bool:
        """Whether Telegram takes requests: false from the end of a login until there is another."""
        return self._link_state.ready.is_set()

    @property
    def handler_errors(self) -> int:
        """How often handlers raised or were cut off, since the start."""
        return self._handlers.errors.total()

    # ---- login and lifetime --------------------------------------------------------------------

    async def login(self, token: str) -> None:
        """Connect, however long that takes, and log in with a bot token; `me` is set when this returns.

        A session that is logged in stays so, and keeps its update state; with a token other than the one it
        was logged in with, it is logged in again. Raise WrongBotError if the session, or the login in it,
        belongs to another bot than the token; LoginRefusedError if Telegram refuses the token.
        """
        if (state := self.session.update_state()) is not None:
            self.intake.load(state, replayed=True)
        use_server(self.session, self._server)
        pulse = Pulse(self._sender, self._link_state)
        self._tasks.spawn_essential(partial(pulse.keep, self._elsewhere.tidy), "Pulse.keep")
        self.me = await self._login.log_in(token)
        self._tasks.spawn_essential(self._login.keep_up)
        taking = partial(self._login.across_logins, self.intake.run)
        self._tasks.spawn_essential(partial(keep, "taking updates", taking), "taking updates")

    async def start_updates(self) -> None:
        """Begin to handle updates, first all since the state on disk."""
        self._marks.open()
        self._marks.follow(asyncio.get_running_loop())
        self._dispatcher.start()
        self._tasks.spawn_essential(self._batches.run)
        self.intake.start()
        self._tasks.spawn_essential(self._watch.run)
        self._tasks.spawn_essential(self._checkpoints.keep)
        self._tasks.spawn_essential(self.parking.run)

    async def checkpoint(self) -> None:
        """Put everything finished so far on disk; raise a StorageError if that cannot be done."""
        await self._checkpoints.make()

    async def stop(self, grace: float, drained: Callable[[], Awaitable[None]] | None = None) -> bool:
        """Take no more updates, finish those under way, await `drained`, make a checkpoint and disconnect.

        Return False if some did not finish within `grace` seconds: the next start handles them again.
        """
        # Once the bot has failed, what is under way waits for what will not come; and nobody goes on with the
        # update whose handler ends the process.
        ended = await self.drain.within(0 if self.failed.done() or self._marks.fixed else grace)
        if drained is not None:
            await drained()
        self.intake.stop()
        await self._dispatcher.stop()
        await self.inside.strands.close()
        await self._tasks.stop(self._handlers.packages())
        try:
            if self.me is not None and not self.failed.done():
                await self._checkpoints.make()
        finally:
            self._marks.close()
            self._link_state.closed = True
            await self._elsewhere.close()
            await self.disconnect()
            with suppress(Exception):  # the reason for a lost link does not matter any more
                await self.disconnected
        return ended

    def spawn(self, work: Coroutine[object, object, object], name: str | None = None) -> None:
        """Run something beside the handlers, until the bot stops; an error of it is logged with its name.

        A stop cancels it once the updates in flight are finished. Unless it ends by itself then, within a
        few seconds, it is cut off, and its name is in `cut`.
        """
        self._tasks.spawn(work, name)

    def on_handler_error(self, tell: Tell) -> None:
        """Have `tell` awaited when a handler raises, before its update is parked."""
        self._handlers.tell = tell

    def hold(self, name: str) -> Hold:
        """Keep the update of the running handler in flight, for work of this name that goes on after it."""
        return Hold(current_job.get(), name, self._finish, self._marks)

    # ---- what Telethon calls -------------------------------------------------------------------

    async def _on_login(self, user: types.User) -> types.User:
        self._mb_entity_cache.set_self_user(user.id, user.bot, user.access_hash)
        if self.intake.log.is_empty():
            state = await self._login.first_state()
            # On disk before the first update is taken: a kill from now on loses none.
            await self._store.checkpoint(state)
            self.intake.load(state)
        return user

    async def connect(self) -> None:
        """Connect, however long that takes; do nothing if there is a connection."""
        self._loop, session = asyncio.get_running_loop(), self.session
        if await self._sender.connect(self._route(session.server_address, session.port)):
            self._link_state.fresh_session = True
            session.auth_key = self._sender.auth_key

    async def _save_states_and_entities(self) -> None:
        """Write nothing: only the checkpoint writes update state."""

    # ---- the link ------------------------------------------------------------------------------

    async def _borrow_exported_sender(self, dc_id: int) -> BotSender:
        return await self._elsewhere.borrow(dc_id)

    async def _return_exported_sender(self, sender: BotSender) -> None:
        """Do nothing: an idle connection is closed, whoever forgot to return its sender."""

    # ---- updates -------------------------------------------------------------------------------

    def _put(self, job: Job) -> None:
        if self._conversations:
            feed(self, job, self._handlers.build, self._tasks)
        self._album_line.put(job)

    def _begin(self, job: Job) -> None:
        if self._marks.suspects:
            self.parking.judge(job)
        self._dispatcher.put(job)

    def _handle(self, job: Job) -> Awaitable[None]:
        handled = self._handlers.handle(job)
        if job.key is None and type(job.update) in PRESSES:  # Telegram keeps no press
            return acknowledged(handled, job, self, self._tasks.spawn)
        return handled

    def _finish(self, job: Job) -> None:
        """Note that a part of a job's work is done: its handlers, a hold, or the album that it belongs to."""
        job.unfinished -= 1
        if job.unfinished:
            self._finished.hold(job.dialog, job.message_id)
            return
        if job.failure is not None or job.entry is not None or self._marks.suspects:
            self.parking.conclude(job)
        if job.album:
            for message in self._album_line.ended(job):
                self._finish(message)
            return
        self._finished.finish(job.dialog, job.message_id)
        self._batches.finish(job.batch)

    # ---- calls ---------------------------------------------------------------------------------

    def __call__(
        self, request: Any, ordered: bool = False, flood_sleep_threshold: float | None = None
    ) -> Coroutine[object, object, Any]:  # Any: a TLRequest, or several; what Telegram answers
        """Make requests as Telethon does."""
        if type(request) is Typing and current_job.get() is None:
            longest = self.flood_sleep_threshold
            return self._calls.call(_new(Call, (self._sender, request, request.user_id, longest, None)))
        return self._call(self._sender, request, ordered)

    def _call(
        self,
        sender: BotSender,
        request: Any,  # Any: a TLRequest, or several
        ordered: bool = False,
        flood_sleep_threshold: float | None = None,
    ) -> Coroutine[object, object, Any]:  # Any: what Telegram answers
        longest = self.flood_sleep_threshold if flood_sleep_threshold is None else flood_sleep_threshold
        if is_resolved(request) and current_job.get() is None:
            return self._calls.call(Call(sender, request, request.peer.user_id, longest))
        return self._entrance.make(sender, request, ordered=ordered, flood_threshold=longest)

    async def send_message(self, entity: EntityLike, message: Any = "", **options: Any) -> types.Message:
        """Send a message as Telethon does; a plain text to a user takes fewer steps."""
        request = plain_text(entity, message, options, markdown=self._parse_mode is markdown)
        if request is None:
            return await super().send_message(entity, message, **options)
        call = Call(self._sender, request, request.peer.user_id, self.flood_sleep_threshold)
        if type(answer := await self._entrance.send(call)) is types.UpdateShortSentMessage:
            return message_sent(self, request, answer)
        return self._get_response_message(request, answer, entity)

    def action(
        self,
        entity: EntityLike,
        action: str | types.TypeSendMessageAction,
        *,
        delay: float = 4,
        auto_cancel: bool = True,
    ) -> Any:  # Any: a ChatAction, or a coroutine for "cancel", as Telethon has it
        """Return a chat action that asks Telegram on entering and raises its error there; see ChatAction."""
        if asyncio.iscoroutine(made := super().action(entity, action)):
            return made
        # Telethon hands one object to every chat, with the progress of an upload in it.
        return ChatAction(self, entity, copy(made._action), delay, auto_cancel)

    def conversation(self, entity: EntityLike, **options: Any) -> Conversation:  # Any: as Telethon has it
        """Open a conversation as Telethon does; its chat is not held up by the handler meanwhile."""
        return Conversation(self, entity, self._dispatcher, options)
