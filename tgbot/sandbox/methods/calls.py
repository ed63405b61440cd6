"""The argument of every method, and who may call a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from telethon.tl import TLObject, TLRequest, types

from ..accounts import Account
from ..chats import Chat
from ..dialogs import CHANNEL_BASE, Box, NewerPart
from ..rpc import Caller, Login, RpcError
from ..world import World


class Open(Enum):
    """Who may call a method."""

    #: Anyone, also before the login.
    ANYONE = "anyone"
    #: Users and bots.
    BOTH = "both"
    #: Users; a bot gets BOT_METHOD_INVALID.
    USERS = "users"
    #: Bots; a user gets USER_BOT_REQUIRED.
    BOTS = "bots"


@dataclass(slots=True, eq=False)
class Call:
    """One call: the world, the session that calls, and its account."""

    world: World
    caller: Caller
    account: Account | None
    #: The account's pts before the call.
    pts: int = 0

    @property
    def login(self) -> Login:
        return self.caller.login

    @property
    def me(self) -> Account:
        """The account that is logged in; raise 401 AUTH_KEY_UNREGISTERED without one."""
        if self.account is None:
            raise RpcError(401, "AUTH_KEY_UNREGISTERED")
        return self.account

    # -- peers

    def user(self, given: TLObject, error: str = "USER_ID_INVALID") -> Account:
        """Return the user of an InputUser or InputPeer; raise 400 `error` if id or access hash is wrong."""
        me = self.me
        if isinstance(given, types.InputUserSelf | types.InputPeerSelf):
            return me
        if isinstance(given, types.InputUser | types.InputPeerUser):
            user = self.world.accounts.get(given.user_id)
            if user is not None and self._knows(me, user, given.access_hash):
                return user
        elif isinstance(given, types.InputUserFromMessage | types.InputPeerUserFromMessage):
            if me.is_bot:
                raise RpcError(400, "FROM_MESSAGE_BOT_DISABLED")
            user = self.world.accounts.get(given.user_id)
            copy = me.box.get(given.msg_id)
            if user is not None and copy is not None and copy.post.sender == user.id:
                return user
        raise RpcError(400, error)

    def own_bot(self, given: TLObject) -> Account:
        """Return a bot of the caller: itself, or one that it made at BotFather; else raise BOT_INVALID."""
        bot = self.user(given, "BOT_INVALID")
        if bot.profile is None or (bot is not self.me and bot.profile.owner != self.me.id):
            raise RpcError(400, "BOT_INVALID")
        return bot

    def _knows(self, me: Account, user: Account, access_hash: int) -> bool:
        if access_hash == 0:  # valid for a bot to its users, and for a person to their contacts
            return user is me or user.id in (me.started if me.is_bot else me.contacts)
        return access_hash == self.world.accounts.access_hash(me.id, user.id)

    def chat(self, given: TLObject, error: str = "PEER_ID_INVALID") -> Chat:
        """Return the group or channel of an InputPeer or InputChannel; raise `error` or CHANNEL_INVALID."""
        world = self.world
        if isinstance(given, types.InputPeerChat):
            chat = world.chats.get(-given.chat_id)
            if chat is not None and self.me.id in chat.members:
                if chat.migrated_to:
                    raise RpcError(400, "CHAT_ID_INVALID")
                return chat
        elif isinstance(given, types.InputPeerChannel | types.InputChannel):
            chat = world.chats.get(-CHANNEL_BASE - given.channel_id)
            if chat is not None:
                expected = world.accounts.access_hash(self.me.id, chat.id, kind=b"channel")
                by_zero = self.me.is_bot and given.access_hash == 0 and self.me.id in chat.members
                if given.access_hash == expected or by_zero:
                    self._see(chat)
                    return chat
            raise RpcError(400, "CHANNEL_INVALID")
        raise RpcError(400, error)

    def _see(self, chat: Chat) -> None:
        """Raise the error with which Telegram hides a channel from those who may not see it."""
        me, world = self.me, self.world
        if chat.is_banned(me.id, world.date()):
            raise RpcError(400, "USER_BANNED_IN_CHANNEL" if chat.usernames else "CHANNEL_PRIVATE")
        linked = world.chats.get(chat.linked)
        open_to = (chat, linked) if linked is not None else (chat,)
        if chat.deleted or not any(me.id in each.members or each.usernames for each in open_to):
            raise RpcError(400, "CHANNEL_PRIVATE")

    def peer(self, given: TLObject) -> Account | Chat:
        """Return the account or chat of an InputPeer; raise PEER_ID_INVALID."""
        if isinstance(given, types.InputPeerChat | types.InputPeerChannel):
            return self.chat(given)
        return self.user(given, "PEER_ID_INVALID")

    def box(self, peer: Account | Chat) -> Box:
        """Return the box with the messages of a dialog: the caller's, or the channel's."""
        if not isinstance(peer, Chat) or not peer.channel:
            return self.me.box
        after = peer.first_seen.get(self.me.id)
        return NewerPart(peer.box, after) if after else peer.box

    # -- answers

    def happened(self, updates: list[TLObject] | None = None, marked: list[int] | None = None) -> TLObject:
        """Wrap `updates` and all that this call has added to the caller's log."""
        entries = self.world.entries(self.me.id, self.pts, self.me.log.qts)
        named_ids = [number for entry in entries for number in entry.named()]
        return self.updates((updates or []) + [entry.update for entry in entries], (marked or []) + named_ids)

    def updates(self, updates: list[TLObject], marked: list[int]) -> TLObject:
        """Wrap updates with users and chats, given by marked ids."""
        users, chats = self.world.view.beside(self.me, dict.fromkeys(marked), complete=True)
        return types.Updates(updates, users, chats, self.world.date(), 0)


def seconds(date: datetime | int | None) -> int:
    """Return the unix time of a date (a datetime or a number); 0 for None."""
    if date is None:
        return 0
    return int(date.timestamp() if isinstance(date, datetime) else date)


def yes(call: Call, request: TLRequest) -> bool:
    """Return True, the answer of methods that change nothing in the sandbox."""
    return True


class Method(NamedTuple):
    """A method: the function that carries it out, and who may call it."""

    answer: Callable[[Call, TLRequest], object]
    open: Open = Open.BOTH
