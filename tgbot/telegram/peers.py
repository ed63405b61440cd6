"""The users and chats that Telegram names, on their way to the session and the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from telethon.tl import types


class PeerFile(Protocol):
    """Keep access hashes and usernames."""

    def remember(self, peers: Iterable[types.TypeUser | types.TypeChat]) -> None:
        """Take in users and chats."""


class Users(Protocol):
    """Keep the users of the bot."""

    def seen(self, users: Sequence[types.User], source: str) -> None:
        """Take in users as Telegram describes them now."""


class Writers(Protocol):
    """Remember who wrote."""

    def wrote(self, user_id: int) -> None:
        """Note that a user wrote to the bot."""


class NamedPeers:
    """Hand every user and chat to the session, and full users except the bot itself to the listener."""

    def __init__(self, session: PeerFile, listener: Users, writers: Writers) -> None:
        self._session = session
        self._listener = listener
        self.wrote = writers.wrote

    def remember(self, users: Sequence[types.TypeUser], chats: Sequence[types.TypeChat], source: str) -> None:
        """Take in users and chats; `source` says what brought them."""
        self._session.remember(users)
        if chats:
            self._session.remember(chats)
        full = [user for user in users if type(user) is types.User and not user.min and not user.is_self]
        if full:
            self._listener.seen(full, source)
