"""Clients are told when the commands change that a person sees of a bot."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from telethon.tl import TLObject, types

from .accounts import Account, Accounts
from .chats import Chat
from .dialogs import peer_of
from .feeds import Feeds

#: Returns the commands of a bot that a viewer sees in its private chat (None), or in a chat.
Commands = Callable[[Account, Account, Chat | None], list[TLObject]]


class CommandLists:
    """Send updateBotCommands to the people whose menu of a bot has changed."""

    def __init__(self, accounts: Accounts, chats: dict[int, Chat], feeds: Feeds) -> None:
        self._accounts = accounts
        self._chats = chats
        self._feeds = feeds

    def change(self, bot: Account, change: Callable[[], object], commands: Commands) -> None:
        """Make a change of a bot's commands, and tell those who see others than before."""
        seen = [(viewer, chat, commands(bot, viewer, chat)) for viewer, chat in self._viewers(bot)]
        change()
        for viewer, chat, before in seen:
            now = commands(bot, viewer, chat)
            if now != before:
                peer = peer_of(chat.marked if chat is not None else bot.id)
                self._feeds.hand(viewer.id, types.UpdateBotCommands(peer, bot.id, now))

    def _viewers(self, bot: Account) -> Iterator[tuple[Account, Chat | None]]:
        """Yield the people who can log in and see the bot: in their own chat with it, and in chats."""
        for peer in bot.box.dialogs:
            person = self._accounts.get(peer)
            if person is not None and person.phone is not None:
                yield person, None
        for chat in self._chats.values():
            if bot.id in chat.members:
                members = (self._accounts[number] for number in chat.members)
                yield from ((person, chat) for person in members if person.phone is not None)
