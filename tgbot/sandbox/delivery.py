"""Sending updates: which sessions are connected, and how far in its account's log each one is."""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from telethon.tl import types

from . import layers
from .faults import Faults
from .logs import Entry
from .recipients import Recipients
from .rpc import Caller
from .session import Session
from .short import Known, ShortUpdates, shortened
from .trace import Trace
from .world import World

#: The most updates sent to one session in one turn of the event loop; the rest follows in later turns.
BATCH = 200
#: A session that is more pts behind than this gets updatesTooLong instead of the updates.
TOO_FAR = 10_000
#: Sessions without a connection that are kept, in case the client connects again.
MAX_DETACHED = 64

_log = logging.getLogger(__name__)


class Wire(Protocol):
    """The sending side of a connection."""

    #: False while the client reads too slowly to get updates.
    writable: bool

    def send(self, payload: bytes) -> None:
        """Write one payload."""

    def cut(self, reason: str) -> None:
        """Close the connection at once; the reason is logged."""


class Link:
    """An MTProto session on the server: its connection, its login and the state that was sent to it."""

    __slots__ = (
        "account",
        "active",
        "caller",
        "held",
        "key",
        "known",
        "others",
        "own",
        "passing",
        "sent_pts",
        "sent_qts",
        "session",
        "stash",
        "wire",
    )

    def __init__(self, key: tuple[bytes, int], session: Session, caller: Caller) -> None:
        self.key = key
        self.session = session
        self.caller = caller
        self.wire: Wire | None = None
        #: The account whose updates this session gets.
        self.account: int | None = None
        self.sent_pts = 0
        self.sent_qts = 0
        #: pts above `sent_pts` that the client knows from the result of its own call.
        self.own: set[int] = set()
        #: Entries that another session of the bot gets, and when this one was active.
        self.others: set[Entry] = set()
        self.active = 0
        #: Who and what the client knows from earlier updates.
        self.known = Known()
        #: Number of delayed answers; updates wait until they are sent.
        self.held = 0
        #: Waiting updates that are in no log.
        self.passing: list[Entry] = []
        self.stash: list[bytes] = []


class Delivery:
    """Send each connected session the updates above its state, once per turn of the event loop."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._world = world
        self._recipients = Recipients(world, random)
        self._faults = faults
        self._clock = clock
        self._links: dict[int, dict[Link, None]] = {}
        self._detached: OrderedDict[Link, None] = OrderedDict()
        self._changed: dict[int, None] = {}
        self._unflushed: dict[Link, None] = {}
        self._turn_due = False
        #: Number of updates so far that are in no log.
        self._passed = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        #: Records what is sent, if somebody wants to see it.
        self.trace: Trace | None = None
        #: The session whose call is being carried out.
        self.calling: Link | None = None

    def open(self) -> Callable[[], None]:
        """Subscribe to the world in the running loop; return the function that ends the subscription."""
        self._loop = asyncio.get_running_loop()
        self._turn_due = False
        return self._world.subscribe(self.changed, self._pass)

    def reset(self) -> None:
        """Forget all sessions."""
        self._links.clear()
        self._detached.clear()
        self._changed.clear()
        self._unflushed.clear()
        self._recipients.reset()

    # Sessions.

    def attach(self, link: Link, wire: Wire) -> None:
        """Connect a session; send again what the client of an earlier connection has not acknowledged."""
        if link.wire is wire:
            return
        returning = link.wire is not None or link in self._detached
        link.wire = wire
        self._detached.pop(link, None)
        if returning:
            link.session.resume()
            self.flush_soon(link)
            if link.account is not None:
                if not self._recipients.are_all(link.account):
                    self._recipients.returned(link.account, link)
                self.changed(link.account)

    def detach(self, link: Link) -> Link | None:
        """Disconnect a session; if too many are disconnected, drop the oldest and return it."""
        link.wire = None
        link.passing.clear()
        link.stash.clear()
        self._unflushed.pop(link, None)
        self._detached[link] = None
        if len(self._detached) <= MAX_DETACHED:
            return None
        oldest, _ = self._detached.popitem(last=False)
        self.forget(oldest)
        return oldest

    def sessions(self, account: int | None = None) -> list[Link]:
        """Return the connected sessions that get the updates of one account, or of any."""
        groups = self._links.values() if account is None else [self._links.get(account, {})]
        return [link for group in groups for link in group if link.wire is not None]

    def has_rival(self, link: Link) -> bool:
        """Return whether a session of the same auth key gets updates on another connection."""
        key = link.key[0]
        return any(other.key[0] == key and other.wire is not link.wire for other in self.sessions())

    def forget(self, link: Link) -> None:
        """End a session: nothing more is sent to it."""
        self._detached.pop(link, None)
        self._unflushed.pop(link, None)
        self._leave(link)

    def before_call(self, link: Link) -> tuple[int, int] | None:
        """Queue earlier updates before the result of a call; return (account, pts)."""
        self.calling = link
        account = link.account
        if account is None:
            return None
        if account in self._changed:
            self._choose(account)
            self._catch_up(link)
        self._recipients.called(link)
        return account, self._world.state(account)[0]

    def after_call(self, link: Link, before: tuple[int, int] | None) -> None:
        """Mark the updates in the result of a call as sent; start updates if the call logged in."""
        self.calling = None
        login = link.caller.login
        account = login.account if link.caller.updates else None
        if account != link.account:
            self._leave(link)
            if account is not None:
                link.account = account
                self._links.setdefault(account, {})[link] = None
                self._recipients.called(link)
                link.sent_pts, link.sent_qts = self._world.state(account)[:2]
        elif before is not None and account == before[0]:
            pts = self._world.state(account)[0]
            if pts == before[1]:
                return
            if link.sent_pts == before[1]:
                link.sent_pts = pts
            else:
                link.own.update(range(before[1] + 1, pts + 1))

    def _leave(self, link: Link) -> None:
        if link.account is not None:
            links = self._links.get(link.account, {})
            links.pop(link, None)
            if not links:
                self._links.pop(link.account, None)
        link.account = None
        link.own.clear()
        link.others.clear()
        link.passing.clear()
        link.stash.clear()

    # Sending.

    def changed(self, account: int) -> None:
        """Schedule the updates of an account whose log has grown."""
        if account in self._links:
            self._changed[account] = None
            self._turn_soon()

    def nudge(self, account: int | None = None) -> None:
        """Check again whether there are updates to send, for one account or for all."""
        for each in [account] if account is not None else list(self._links):
            self.changed(each)

    def flush_soon(self, link: Link) -> None:
        """Send the queue of a session at the end of this turn."""
        self._unflushed[link] = None
        self._turn_soon()

    def _turn_soon(self) -> None:
        if not self._turn_due and self._loop is not None:
            self._turn_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_due = False
        changed, self._changed = self._changed, {}
        for account in changed:
            self._choose(account)
            for link in list(self._links.get(account, ())):
                self._guarded(link, self._catch_up)
        unflushed, self._unflushed = self._unflushed, {}
        for link in unflushed:
            self._guarded(link, self._flush)

    def _choose(self, account: int) -> None:
        """Choose who gets the new entries of an account, if not all sessions do."""
        if account in self._links and not self._recipients.are_all(account):
            self._recipients.choose(account, self.sessions(account))

    def _guarded(self, link: Link, step: Callable[[Link], None]) -> None:
        try:
            step(link)
        except Exception:
            # This loop serves all sessions: a failure ends only its own.
            _log.exception("sending to one session failed")
            if link.wire is not None:
                link.wire.cut("sending failed")

    def _flush(self, link: Link) -> None:
        if link.wire is not None:
            seen = None if self.trace is None else self.trace.sends(link)
            for payload in link.session.flush(self._clock(), seen):
                link.wire.send(payload)

    def _ready(self, link: Link) -> bool:
        return (
            link.wire is not None
            and link.wire.writable
            and not link.held
            and not self._faults.withheld(link)
            and not (self._faults.dead and link.key[0] in self._faults.dead)
        )

    def _catch_up(self, link: Link) -> None:
        account = link.account
        if account is None or not self._ready(link):
            return
        login = link.caller.login
        if login.account != account or self._world.accounts[account].generation != login.generation:
            self._leave(link)
            return
        pts, qts, _, _ = self._world.state(account)
        if pts - link.sent_pts > TOO_FAR:
            link.sent_pts, link.sent_qts = pts, qts
            link.own.clear()
            link.others.clear()
            self._push(link, [types.UpdatesTooLong()])
            return
        updates: list[types.Updates | types.UpdatesTooLong] = []
        sharing = self._faults.sharing
        if pts > link.sent_pts or qts > link.sent_qts:
            entries = self._world.entries(account, link.sent_pts, link.sent_qts, BATCH)
            for entry in entries:
                if entry.pts is not None:
                    link.sent_pts = entry.pts
                    if link.own and self._known(link, entry):
                        continue
                elif entry.qts is not None:
                    link.sent_qts = entry.qts
                if entry in link.others:
                    link.others.discard(entry)
                    continue
                if sharing and self._of_another(link, entry.pts or entry.qts or 0):
                    continue
                updates.append(self._world.render(account, (entry,)))
            if len(entries) == BATCH:
                self.changed(account)
        if link.passing:
            updates += [self._world.render(account, (entry,)) for entry in link.passing]
            link.passing.clear()
        if updates or link.stash:
            self._push(link, updates)

    def _known(self, link: Link, entry: Entry) -> bool:
        """Return whether the session knows this entry from the result of its own call."""
        if entry.pts not in link.own:
            return False
        link.own.difference_update(range(entry.pts - entry.pts_count + 1, entry.pts + 1))
        return True

    def _push(self, link: Link, updates: list[types.Updates | types.UpdatesTooLong]) -> None:
        bodies: list[bytes] = []
        marks = self._faults.marks
        for update in updates:
            try:
                body = self._body(link, update)
                bodies.append(self._faults.garbled(link.account, update, body) if marks else body)
            except layers.EncodeError as error:
                _log.info("an update cannot be sent: %s", error)
        arranged = self._faults.arrange(link, bodies)
        if self.trace is not None and arranged is not bodies:
            self.trace.arranged(link, bodies, arranged)
        for body in arranged:
            link.session.push(body)
        self.flush_soon(link)

    def _body(self, link: Link, update: types.Updates | types.UpdatesTooLong | bytes) -> bytes:
        """Return the bytes of an update for a session, in the short form if that is asked for and enough."""
        layer = link.caller.login.layer
        if isinstance(update, types.Updates):
            wanted = self._world.short_updates
            bot = link.account is not None and self._world.accounts[link.account].is_bot
            if wanted is ShortUpdates.ALL or (wanted is ShortUpdates.USERS and not bot):
                short = shortened(update, link.known)
                link.known.note(update)
                with contextlib.suppress(layers.EncodeError):
                    return layers.encode(short, layer)
        return layers.encode(update, layer)

    def _of_another(self, link: Link, number: int) -> bool:
        """Return whether another session of the auth key gets the update with this number."""
        sessions = [each for each in self._links.get(link.account or 0, ()) if each.key[0] == link.key[0]]
        connected = [each for each in sessions if each.wire is not None]
        return link in connected and connected[number % len(connected)] is not link

    def hand(self, account: int, updates: types.Updates | bytes) -> int:
        """Send an Updates object, or any bytes, to an account's connected sessions; return their number."""
        links = [link for link in self._links.get(account, ()) if self._ready(link)]
        for link in links:
            self._push(link, [updates])
        return len(links)

    def _pass(self, account: int, entry: Entry) -> None:
        self._passed += 1
        only: object = None
        if not self._recipients.are_all(account) and (connected := self.sessions(account)):
            only = self._recipients.one(connected)
        for link in list(self._links.get(account, ())):
            if self._faults.sharing and self._of_another(link, self._passed):
                continue
            if only is not None and link is not only:
                continue
            if entry.own and link is self.calling:
                continue
            if link.wire is not None and len(link.passing) < BATCH:
                link.passing.append(entry)
                self.changed(account)
