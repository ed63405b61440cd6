"""Finds the peer that a name, a link or an id means: in the session first, then by asking Telegram.

The session owns names and access hashes; every `User` in an answer reaches session and registry through the
client, so that nothing is stored here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from telethon import errors, utils
from telethon.tl import functions, types

from tgbot.core.errors import (
    BudgetSpentError,
    HiddenForwardError,
    LinkError,
    NameNotFoundError,
    NeverMetError,
)
from tgbot.core.links import parse
from tgbot.core.users import UserRegistry

#: How long a name is believed; TDLib trusts one for as long.
DAY = 24 * 60 * 60

#: Marked ids of channels and supergroups lie below this.
_CHANNELS = -(10**12)

#: Entities that describe a peer fully enough to name its kind.
_FULL = (types.User, types.Chat, types.Channel, types.ChatForbidden, types.ChannelForbidden)

#: Where a peer was looked for in vain.
_SESSION = ("the session",)
_BOTH = ("the session", "asking Telegram without an access hash")

log = logging.getLogger(__name__)


class PeerKind(StrEnum):
    """What a peer is."""

    #: A person.
    USER = "user"
    #: Another bot, or this one.
    BOT = "bot"
    #: A group, of either sort.
    GROUP = "group"
    #: A broadcast channel.
    CHANNEL = "channel"


class Found(StrEnum):
    """How a peer was found."""

    #: The session held it.
    SESSION = "session"
    #: Telegram was asked, now.
    TELEGRAM = "telegram"
    #: The session held a name too old to be believed, and the day's budget was spent.
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A peer, what it is and how that is known; `id` is marked as Telethon marks it."""

    kind: PeerKind
    id: int
    #: The input peer, with its access hash.
    peer: Any = field(repr=False)
    found: Found
    #: Seconds since the name that was asked for was last seen to be theirs; None for an id.
    age: int | None = None
    #: Names known to be theirs.
    usernames: tuple[str, ...] = ()
    #: Name or title, where it is known.
    title: str = ""


class NameSeen(Protocol):
    """Whom a name belonged to, and when Telegram last said so."""

    @property
    def marked_id(self) -> int: ...

    @property
    def seen(self) -> int: ...


class NameStore(Protocol):
    """What is asked of the session."""

    def username(self, name: str) -> NameSeen | None: ...

    def usernames_of(self, marked_id: int) -> tuple[str, ...]: ...

    def access_hash(self, marked_id: int) -> int | None: ...

    def drop_username(self, name: str) -> None: ...

    def resolves_today(self) -> int: ...


class Peers:
    """Resolves `@name`, `t.me/name`, `tg://resolve?domain=name` and ids."""

    def __init__(
        self,
        client: Any,
        session: NameStore,
        users: UserRegistry,
        *,
        clock: Callable[[], float],
        daily_resolves: int,
    ) -> None:
        """`daily_resolves`: so many names may be asked of Telegram in 24 hours."""
        self._client = client
        self._session = session
        self._users = users
        self._clock = clock
        self.daily_resolves = daily_resolves
        self._one_at_a_time = asyncio.Lock()

    async def resolve(self, text: str) -> Resolved:
        """Finds the peer that `text` means.

        A name seen within a day is answered from the session; an older or unknown one is asked of Telegram
        while the day's budget lasts, and then answered from the session with `Found.OUTDATED`. A min user is
        never an answer. Raises LinkError for what is neither name, link nor id, and a ResolveError: no such
        name, never met (with what was tried), budget spent.
        """
        target = parse(text)
        if target.username is not None:
            return await self._by_name(target.username)
        if target.id is None:
            raise LinkError("an invitation", "whom it leads to is known only to who uses it")
        return await self.by_id(target.id)

    async def by_id(self, peer_id: int) -> Resolved:
        """Finds the peer of a marked id: in the session, else, for a user, with access hash 0."""
        if self._session.access_hash(peer_id) is not None:
            return await self._from_session(peer_id, None, Found.SESSION)
        if peer_id <= 0:
            raise NeverMetError(peer_id, _SESSION)
        user = await self._ask_entity(peer_id, types.InputPeerUser(peer_id, 0))
        if user is None:
            raise NeverMetError(peer_id, _BOTH)
        return self._from_entity(user, None)

    async def by_forward(self, header: Any) -> Resolved:
        """Finds the author of a forwarded message; raises HiddenForwardError where only a name is given."""
        if header.from_id is None:
            raise HiddenForwardError
        return await self.by_id(utils.get_peer_id(header.from_id))

    def resolves_today(self) -> int:
        """How many names were asked of Telegram in the last 24 hours, by whomever."""
        return self._session.resolves_today()

    async def _by_name(self, name: str) -> Resolved:
        fresh = self._held(name)
        if fresh is not None and fresh[1] <= DAY:
            return await self._from_session(*fresh, Found.SESSION)
        async with self._one_at_a_time:
            held = self._held(name)  # Somebody else may have asked meanwhile.
            if held is not None and held[1] <= DAY:
                return await self._from_session(*held, Found.SESSION)
            if self._session.resolves_today() < self.daily_resolves:
                try:
                    return await self._ask_name(name, held[0] if held else None)
                except errors.FloodWaitError:
                    pass  # Telegram has counted more than we did.
        if held is None:
            raise BudgetSpentError(name, self.daily_resolves)
        return await self._from_session(*held, Found.OUTDATED)

    def _held(self, name: str) -> tuple[int, int] | None:
        """The id that the session holds for the name, and the age of that knowledge in seconds."""
        known = self._session.username(name)
        return None if known is None else (known.marked_id, max(0, int(self._clock()) - known.seen))

    async def _ask_name(self, name: str, held: int | None) -> Resolved:
        """Asks Telegram who holds the name; whoever held it and does not any longer loses it."""
        try:
            answer = await self._client(functions.contacts.ResolveUsernameRequest(name))
        except (errors.UsernameNotOccupiedError, errors.UsernameInvalidError):
            self._session.drop_username(name)
            if held is not None:
                self._take_away(held, name)
            raise NameNotFoundError(name) from None
        peer_id = utils.get_peer_id(answer.peer)
        known = self._session.username(name)
        if known is not None and known.marked_id != peer_id:
            self._session.drop_username(name)
        if held is not None and held != peer_id:
            self._take_away(held, name)
        for entity in (*answer.users, *answer.chats):
            if utils.get_peer_id(entity) == peer_id and not getattr(entity, "min", False):
                return self._from_entity(entity, 0)
        raise NameNotFoundError(name, "Telegram shows no more than that it is taken")

    def _take_away(self, user_id: int, name: str) -> None:
        """Notes in the registry that the user lost a name; the session has dropped it."""
        user = self._users.get(user_id) if user_id > 0 else None
        if user is None:
            return
        left = tuple(own for own in user.usernames if own.lower() != name.lower())
        if left != user.usernames:
            via = next(iter(user.known_by), "username")
            self._users.seen(user.profile._replace(usernames=left), int(self._clock()), via)

    async def _from_session(self, peer_id: int, age: int | None, found: Found) -> Resolved:
        access_hash = self._session.access_hash(peer_id)
        if access_hash is None:
            raise NeverMetError(peer_id, _SESSION)
        peer = input_peer(peer_id, access_hash)
        usernames = self._session.usernames_of(peer_id)
        user = self._users.get(peer_id) if peer_id > 0 else None
        if user is not None:
            kind = PeerKind.BOT if user.bot else PeerKind.USER
            return Resolved(kind, peer_id, peer, found, age, usernames, _name(user))
        entity = await self._ask_entity(peer_id, peer)
        if entity is not None:
            return Resolved(_kind(entity), peer_id, peer, found, age, usernames, _name(entity))
        kind = PeerKind.USER if peer_id > 0 else PeerKind.CHANNEL if peer_id < _CHANNELS else PeerKind.GROUP
        return Resolved(kind, peer_id, peer, found, age, usernames)

    async def _ask_entity(self, peer_id: int, peer: Any) -> Any | None:
        """Asks Telegram what the peer looks like; None where it does not say. No name is resolved for it."""
        try:
            if peer_id > 0:
                answer = await self._client(functions.users.GetUsersRequest([utils.get_input_user(peer)]))
            elif peer_id < _CHANNELS:
                request = functions.channels.GetChannelsRequest([utils.get_input_channel(peer)])
                answer = (await self._client(request)).chats
            else:
                answer = (await self._client(functions.messages.GetChatsRequest([-peer_id]))).chats
        except errors.RPCError as error:
            log.info("Telegram does not describe peer %d: %s", peer_id, type(error).__name__)
            return None
        for entity in answer:
            if isinstance(entity, _FULL) and not getattr(entity, "min", False):
                return entity
        return None

    def _from_entity(self, entity: Any, age: int | None) -> Resolved:
        peer_id = utils.get_peer_id(entity)
        usernames = self._session.usernames_of(peer_id) or usernames_of(entity)
        return Resolved(
            _kind(entity),
            peer_id,
            utils.get_input_peer(entity),
            Found.TELEGRAM,
            age,
            usernames,
            _name(entity),
        )


def usernames_of(entity: Any) -> tuple[str, ...]:
    """The usernames under which an entity can be found now, the main one first."""
    several = [name.username for name in getattr(entity, "usernames", None) or () if name.active]
    main = getattr(entity, "username", None)
    if main and main not in several:
        several.insert(0, main)
    return tuple(several)


def input_peer(peer_id: int, access_hash: int) -> Any:
    bare, kind = utils.resolve_id(peer_id)
    if kind is types.PeerUser:
        return types.InputPeerUser(bare, access_hash)
    if kind is types.PeerChannel:
        return types.InputPeerChannel(bare, access_hash)
    return types.InputPeerChat(bare)


def _kind(entity: Any) -> PeerKind:
    if isinstance(entity, types.User):
        return PeerKind.BOT if entity.bot else PeerKind.USER
    if isinstance(entity, types.Channel) and not entity.megagroup:
        return PeerKind.CHANNEL
    return PeerKind.GROUP


def _name(entity: Any) -> str:
    title = getattr(entity, "title", None)
    if title is not None:
        return str(title)
    return " ".join(part for part in (entity.first_name, entity.last_name) if part)
