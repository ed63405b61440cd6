"""Find the peer that a name, a link or an id means: in the session first, then by asking Telegram.

The session owns names and access hashes. Every user in an answer reaches session and registry through the
client, so nothing is stored here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from telethon import errors, utils
from telethon.tl import TLObject, TLRequest, functions, types

from tgbot.core.errors import (
    BudgetSpentError,
    HiddenForwardError,
    LinkError,
    NameNotFoundError,
    NeverMetError,
)
from tgbot.core.ids import bare_id, is_channel, is_user, marked_id
from tgbot.core.links import parse
from tgbot.core.names import usernames_of
from tgbot.core.users import UserRegistry, Way
from tgbot.telegram import error_name

#: Seconds for which a name in the session is believed without asking, as long as TDLib does.
DAY: Final = 24 * 60 * 60

#: A user, group or channel as Telegram describes it.
Entity: TypeAlias = types.User | types.Chat | types.Channel | types.ChatForbidden | types.ChannelForbidden
#: The classes of these.
_ENTITIES: Final = (types.User, types.Chat, types.Channel, types.ChatForbidden, types.ChannelForbidden)

#: Where a peer was looked for, in the words of an error.
_SESSION: Final = ("the session",)
_BOTH: Final = ("the session", "asking Telegram without an access hash")

log = logging.getLogger(__name__)


class PeerKind(StrEnum):
    """What a peer is."""

    #: A person.
    USER = "user"
    #: Another bot, or this one.
    BOT = "bot"
    #: A basic group or a supergroup.
    GROUP = "group"
    #: A broadcast channel.
    CHANNEL = "channel"


class Found(StrEnum):
    """How a peer was found."""

    #: The session had it.
    SESSION = "session"
    #: Telegram was asked, now.
    TELEGRAM = "telegram"
    #: The session had it under a name seen more than a day ago, and the day's look-ups were used up.
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A peer, what it is and how it was found; `id` is its marked id."""

    kind: PeerKind
    id: int
    #: The input peer, with its access hash.
    peer: types.TypeInputPeer = field(repr=False)
    found: Found
    #: Seconds since Telegram last said that the peer has the name searched for; None for an id.
    age: int | None = None
    #: The known usernames of the peer.
    usernames: tuple[str, ...] = ()
    #: Name or title, "" where it is not known.
    title: str = ""


class NameSeen(Protocol):
    """Whose a username was, and when Telegram last said so."""

    @property
    def marked_id(self) -> int: ...

    @property
    def seen(self) -> int: ...


class NameStore(Protocol):
    """The session, as far as resolving needs it."""

    def username(self, name: str) -> NameSeen | None:
        """Return whose the username was when it was last seen."""

    def usernames_of(self, marked_id: int) -> tuple[str, ...]:
        """Return the known usernames of a peer."""

    def access_hash(self, marked_id: int) -> int | None:
        """Return a peer's access hash, None if it is not known."""

    def drop_username(self, name: str) -> None:
        """Forget whose the username is."""

    def resolves_today(self) -> int:
        """Return how many names were looked up in the last 24 hours."""


class Client(Protocol):
    """The bot's client, as far as resolving needs it."""

    async def __call__(self, request: TLRequest, /) -> TLObject:
        """Make a request and return the result, or raise Telegram's error."""


class Peers:
    """Finds peers by `@name`, `t.me/name`, `tg://resolve?domain=name` and ids."""

    def __init__(
        self,
        client: Client,
        session: NameStore,
        users: UserRegistry,
        *,
        clock: Callable[[], float],
        daily_resolves: int,
    ) -> None:
        """Look up at most `daily_resolves` names at Telegram in 24 hours."""
        self._client = client
        self._session = session
        self._users = users
        self._clock = clock
        self.daily_resolves = daily_resolves
        self._one_at_a_time = asyncio.Lock()

    async def resolve(self, text: str) -> Resolved:
        """Return the peer that `text` means.

        A name seen within a day is answered from the session. An older or unknown name is looked up at
        Telegram while the day's budget lasts, and then answered from the session with `Found.OUTDATED`. A
        min user is never an answer. Raise LinkError for text that is neither a name, a link nor an id, and a
        ResolveError if there is no such name, the id was never met, or the budget is used up.
        """
        target = parse(text)
        if target.username is not None:
            return await self._by_name(target.username)
        if target.id is None:
            raise LinkError("an invitation", "only those who use it learn where it leads")
        return await self.by_id(target.id)

    async def by_id(self, peer_id: int) -> Resolved:
        """Return the peer with a marked id: from the session, else a user from Telegram with access hash 0.

        Raise NeverMetError if both fail.
        """
        if self._session.access_hash(peer_id) is not None:
            return await self._from_session(peer_id, None, Found.SESSION)
        if not is_user(peer_id):
            raise NeverMetError(peer_id, _SESSION)
        user = await self._ask_entity(peer_id, types.InputPeerUser(peer_id, 0))
        if user is None:
            raise NeverMetError(peer_id, _BOTH)
        return self._from_entity(user, None)

    async def by_forward(self, header: types.MessageFwdHeader) -> Resolved:
        """Return the author of a forwarded message; raise HiddenForwardError if only a name is given."""
        if header.from_id is None:
            raise HiddenForwardError
        return await self.by_id(marked_id(header.from_id))

    def resolves_today(self) -> int:
        """Return how many names anyone looked up at Telegram in the last 24 hours."""
        return self._session.resolves_today()

    async def _by_name(self, name: str) -> Resolved:
        known = self._known(name)
        if known is not None and known[1] <= DAY:
            return await self._from_session(*known, Found.SESSION)
        async with self._one_at_a_time:
            known = self._known(name)  # Another caller may have looked it up meanwhile.
            if known is not None and known[1] <= DAY:
                return await self._from_session(*known, Found.SESSION)
            if self._session.resolves_today() < self.daily_resolves:
                try:
                    return await self._look_up(name, known[0] if known else None)
                except errors.FloodWaitError:
                    pass  # Telegram has counted more look-ups than the session has.
        if known is None:
            raise BudgetSpentError(name, self.daily_resolves)
        return await self._from_session(*known, Found.OUTDATED)

    def _known(self, name: str) -> tuple[int, int] | None:
        """Return the id that the session has for the name, and how many seconds ago that was true."""
        known = self._session.username(name)
        return None if known is None else (known.marked_id, max(0, int(self._clock()) - known.seen))

    async def _look_up(self, name: str, before: int | None) -> Resolved:
        """Ask Telegram whose the name is, and take it from `before`, who had it, if it is not theirs now."""
        try:
            answer = await self._client(functions.contacts.ResolveUsernameRequest(name))
        except (errors.UsernameNotOccupiedError, errors.UsernameInvalidError):
            self._session.drop_username(name)
            if before is not None:
                self._take_away(before, name)
            raise NameNotFoundError(name) from None
        peer_id = marked_id(answer.peer)
        known = self._session.username(name)
        if known is not None and known.marked_id != peer_id:
            self._session.drop_username(name)
        if before is not None and before != peer_id:
            self._take_away(before, name)
        for entity in (*answer.users, *answer.chats):
            if utils.get_peer_id(entity) == peer_id and not getattr(entity, "min", False):
                return self._from_entity(entity, 0)
        raise NameNotFoundError(name, "Telegram shows no more than that it is taken")

    def _take_away(self, user_id: int, name: str) -> None:
        """Record in the registry that the user no longer has a name."""
        user = self._users.get(user_id) if is_user(user_id) else None
        if user is None:
            return
        left = tuple(own for own in user.usernames if own.lower() != name.lower())
        if left != user.usernames:
            via = next(iter(user.known_by), Way.USERNAME)
            self._users.seen(user.profile._replace(usernames=left), int(self._clock()), via)

    async def _from_session(self, peer_id: int, age: int | None, found: Found) -> Resolved:
        access_hash = self._session.access_hash(peer_id)
        if access_hash is None:
            raise NeverMetError(peer_id, _SESSION)
        peer = input_peer(peer_id, access_hash)
        usernames = self._session.usernames_of(peer_id)
        user = self._users.get(peer_id) if is_user(peer_id) else None
        if user is not None:
            kind = PeerKind.BOT if user.bot else PeerKind.USER
            title = _full_name(user.first_name, user.last_name)
            return Resolved(kind, peer_id, peer, found, age, usernames, title)
        entity = await self._ask_entity(peer_id, peer)
        if entity is not None:
            return Resolved(_kind(entity), peer_id, peer, found, age, usernames, _title(entity))
        kind = PeerKind.GROUP
        if is_user(peer_id):
            kind = PeerKind.USER
        elif is_channel(peer_id):
            kind = PeerKind.CHANNEL
        return Resolved(kind, peer_id, peer, found, age, usernames)

    async def _ask_entity(self, peer_id: int, peer: types.TypeInputPeer) -> Entity | None:
        """Ask Telegram to describe the peer; None if it refuses. No name is looked up for this."""
        try:
            if is_user(peer_id):
                answer = await self._client(functions.users.GetUsersRequest([utils.get_input_user(peer)]))
            elif is_channel(peer_id):
                request = functions.channels.GetChannelsRequest([utils.get_input_channel(peer)])
                answer = (await self._client(request)).chats
            else:
                answer = (await self._client(functions.messages.GetChatsRequest([bare_id(peer_id)]))).chats
        except errors.RPCError as error:
            log.info("Telegram does not describe peer %d: %s", peer_id, error_name(error))
            return None
        for entity in answer:
            if isinstance(entity, _ENTITIES) and not getattr(entity, "min", False):
                return entity
        return None

    def _from_entity(self, entity: Entity, age: int | None) -> Resolved:
        peer_id = utils.get_peer_id(entity)
        usernames = self._session.usernames_of(peer_id) or usernames_of(entity)
        peer = utils.get_input_peer(entity)
        return Resolved(_kind(entity), peer_id, peer, Found.TELEGRAM, age, usernames, _title(entity))


def input_peer(peer_id: int, access_hash: int) -> types.TypeInputPeer:
    """Return the input peer of a marked id; a basic group needs no access hash."""
    if is_user(peer_id):
        return types.InputPeerUser(peer_id, access_hash)
    if is_channel(peer_id):
        return types.InputPeerChannel(bare_id(peer_id), access_hash)
    return types.InputPeerChat(bare_id(peer_id))


def _kind(entity: Entity) -> PeerKind:
    if isinstance(entity, types.User):
        return PeerKind.BOT if entity.bot else PeerKind.USER
    if isinstance(entity, types.Channel) and not entity.megagroup:
        return PeerKind.CHANNEL
    return PeerKind.GROUP


def _title(entity: Entity) -> str:
    if isinstance(entity, types.User):
        return _full_name(entity.first_name, entity.last_name)
    return str(entity.title)


def _full_name(first: str | None, last: str | None) -> str:
    return " ".join(part for part in (first, last) if part)
