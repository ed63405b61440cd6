"""Find the peer that a name, a link or an id means: in the session first, then by asking Telegram.

The session owns names and access hashes. Every user in an answer reaches session and registry through the
client, so nothing is stored here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from telethon import errors, utils
from telethon.tl import functions, types

from tgbot.core.addresses import parse_peer
from tgbot.core.errors import BudgetSpentError, HiddenForwardError, NameNotFoundError, NeverMetError
from tgbot.core.ids import bare_id, is_channel, is_user, marked_id
from tgbot.core.names import clean_name, full_name, usernames_of
from tgbot.core.users import Profile, User, UserRegistry, Way
from tgbot.store.peers import RESOLVES_A_DAY
from tgbot.store.session import BotSession
from tgbot.telegram import BotClient, error_name

#: Seconds for which a name in the session is believed without asking, as long as TDLib does.
DAY: Final = 24 * 60 * 60

#: A user, group or channel as Telegram describes it.
Entity: TypeAlias = types.User | types.Chat | types.Channel | types.ChatForbidden | types.ChannelForbidden

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
    #: Name or title, cleaned; "" where it is not known.
    title: str = ""


class Peers:
    """Find peers by `@name`, `t.me/name`, `tg://resolve?domain=name` and ids."""

    def __init__(self, client: BotClient, users: UserRegistry, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._session: BotSession = client.session
        self._users = users
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def resolve(self, text: str) -> Resolved:
        """Return the peer that `text` means.

        A name seen within a day is answered from the session. An older or unknown name is looked up at
        Telegram while the day's budget (`RESOLVES_A_DAY`) lasts, and then answered from the session with
        `Found.OUTDATED`. A min user is never an answer. Raise LinkError for text that is neither a name, a
        link nor an id (PhoneNumberError for a phone number, InvitationError for an invitation), and a
        ResolveError if there is no such name, the id was never met, or the budget is used up.
        """
        target = parse_peer(text)
        if target.username is not None:
            return await self._by_name(target.username)
        assert target.id is not None
        return await self.by_id(target.id)

    async def by_id(self, peer_id: int) -> Resolved:
        """Return the peer with a marked id: from the session, else a user from Telegram with access hash 0.

        Raise NeverMetError if both fail.
        """
        if self._session.access_hash(peer_id) is not None:
            return await self._from_session(peer_id, None, Found.SESSION)
        if not is_user(peer_id):
            raise NeverMetError(peer_id, "the session")
        user = await self._ask_entity(peer_id, types.InputPeerUser(peer_id, 0), Way.ID)
        if user is None:
            raise NeverMetError(peer_id, "the session, asking Telegram without an access hash")
        return self._from_entity(user, None)

    async def by_forward(self, header: types.MessageFwdHeader) -> Resolved:
        """Return the author of a forwarded message; raise HiddenForwardError if only a name is given."""
        if header.from_id is None:
            raise HiddenForwardError
        return await self.by_id(marked_id(header.from_id))

    async def _by_name(self, name: str) -> Resolved:
        if not self._is_fresh(name):
            async with self._one_at_a_time:
                # Another caller may have looked it up meanwhile.
                if not self._is_fresh(name) and self._session.resolves_today() < RESOLVES_A_DAY:
                    with suppress(errors.FloodWaitError):  # Telegram counted more look-ups than the session.
                        return await self._look_up(name)
        known = self._known(name)
        if known is None:
            raise BudgetSpentError(name, RESOLVES_A_DAY)
        peer_id, age = known
        return await self._from_session(peer_id, age, Found.SESSION if age <= DAY else Found.OUTDATED)

    def _is_fresh(self, name: str) -> bool:
        known = self._known(name)
        return known is not None and known[1] <= DAY

    def _known(self, name: str) -> tuple[int, int] | None:
        """Return the id that the session has for the name, and how many seconds ago that was true."""
        known = self._session.username(name)
        return None if known is None else (known.marked_id, max(0, int(self._clock()) - known.seen))

    async def _look_up(self, name: str) -> Resolved:
        """Ask Telegram whose the name is, and take it from the peer that had it if it is not theirs now."""
        known = self._session.username(name)
        before = None if known is None else known.marked_id
        try:
            answer = await self._client(functions.contacts.ResolveUsernameRequest(name))
        except (errors.UsernameNotOccupiedError, errors.UsernameInvalidError):
            self._session.drop_username(name)
            self._take_away(before, name)
            raise NameNotFoundError(name, "Telegram was asked") from None
        peer_id = marked_id(answer.peer)
        known = self._session.username(name)
        if known is not None and known.marked_id != peer_id:
            self._session.drop_username(name)
        if before != peer_id:
            self._take_away(before, name)
        for entity in (*answer.users, *answer.chats):
            if utils.get_peer_id(entity) == peer_id and not getattr(entity, "min", False):
                return self._from_entity(entity, 0)
        raise NameNotFoundError(name, "Telegram shows no more than that it is taken")

    def _take_away(self, peer_id: int | None, name: str) -> None:
        """Record in the registry that a user, if the peer is one, no longer has a name."""
        user = self._users.get(peer_id) if peer_id is not None and is_user(peer_id) else None
        if user is None:
            return
        left = tuple(own for own in user.usernames if own.lower() != name.lower())
        if left != user.usernames:
            via = next(iter(user.known_by), Way.USERNAME)
            self._users.seen(user.profile._replace(usernames=left), int(self._clock()), via)

    async def _from_session(self, peer_id: int, age: int | None, found: Found) -> Resolved:
        access_hash = self._session.access_hash(peer_id)
        if access_hash is None:
            raise NeverMetError(peer_id, "the session")
        peer = input_peer(peer_id, access_hash)
        usernames = self._session.usernames_of(peer_id)
        known = self._users.get(peer_id) if is_user(peer_id) else None
        via = Way.ID if age is None else Way.USERNAME
        entity: Entity | User | None = known
        if known is None or not known.last_seen:
            entity = await self._ask_entity(peer_id, peer, via) or known
        elif not known.came:  # only seen somewhere; kept from now on, because an admin asked for them
            self._users.seen(known.profile, known.last_seen, via)
        if entity is not None:
            kind, title = _kind(entity), _title(entity)
        elif is_user(peer_id):
            kind, title = PeerKind.USER, ""
        else:
            kind, title = PeerKind.CHANNEL if is_channel(peer_id) else PeerKind.GROUP, ""
        return Resolved(kind, peer_id, peer, found, age, usernames, title)

    async def _ask_entity(self, peer_id: int, peer: types.TypeInputPeer, via: Way) -> Entity | None:
        """Ask Telegram to describe the peer, and record a user; None if it refuses. No name is looked up."""
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
            if isinstance(entity, Entity) and not getattr(entity, "min", False):
                if isinstance(entity, types.User):
                    self._users.seen(profile_of(entity), int(self._clock()), via)
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


def profile_of(user: types.User) -> Profile:
    """Build the profile from a full TL user; never from a min user."""
    values = (
        user.id,
        user.first_name or "",
        user.last_name or "",
        usernames_of(user) if user.username or user.usernames else (),
        user.lang_code or None,
        True if user.premium else False,  # noqa: SIM210 - half the time of bool(), for everybody who arrives
        True if user.bot else False,  # noqa: SIM210 - likewise
        True if user.deleted else False,  # noqa: SIM210 - likewise
    )
    return tuple.__new__(Profile, values)  # a NamedTuple's own __new__ is a function in Python


def _kind(entity: Entity | User) -> PeerKind:
    if isinstance(entity, types.User | User):
        return PeerKind.BOT if entity.bot else PeerKind.USER
    broadcast = isinstance(entity, types.Channel) and not entity.megagroup
    return PeerKind.CHANNEL if broadcast else PeerKind.GROUP


def _title(entity: Entity | User) -> str:
    if isinstance(entity, types.User | User):
        return full_name(entity.first_name, entity.last_name)
    return clean_name(entity.title)
