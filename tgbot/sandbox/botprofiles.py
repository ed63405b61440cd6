"""What bots tell of themselves: commands, texts, menu buttons. Apps that show them are told of changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from telethon.tl import TLObject, types

from .accounts import Account, Accounts, BotProfile
from .chats import Chat
from .dialogs import peer_of
from .feeds import Feeds
from .rpc import RpcError

COMMAND: Final = re.compile(r"[a-z0-9_]{1,32}")
COMMANDS: Final = 100
COMMAND_TEXT: Final = 256
NAME: Final = 64
ABOUT: Final = 120
DESCRIPTION: Final = 512

#: (scope, language) → the commands.
_Lists = Mapping[tuple[str, str], list[types.BotCommand]]


class BotProfiles:
    """Change the profiles of bots; who has the bot in a dialog or a chat gets the update."""

    def __init__(self, accounts: Accounts, chats: dict[int, Chat], feeds: Feeds) -> None:
        self._accounts = accounts
        self._chats = chats
        self._feeds = feeds

    def set_commands(self, bot: Account, scope: str, language: str, commands: list[types.BotCommand]) -> None:
        """Replace a list of commands; an empty one is removed, so that wider lists show again.

        Raise BOT_COMMANDS_TOO_MUCH, BOT_COMMAND_INVALID or BOT_COMMAND_DESCRIPTION_INVALID.
        """
        if len(commands) > COMMANDS:
            raise RpcError(400, "BOT_COMMANDS_TOO_MUCH")
        for command in commands:
            if not COMMAND.fullmatch(command.command):
                raise RpcError(400, "BOT_COMMAND_INVALID")
            if not 0 < len(command.description) <= COMMAND_TEXT:
                raise RpcError(400, "BOT_COMMAND_DESCRIPTION_INVALID")
        profile = _profile(bot)
        before = dict(profile.commands)
        if commands:
            profile.commands[scope, language] = list(commands)
        else:
            profile.commands.pop((scope, language), None)
        if profile.commands != before:
            profile.version += 1
            self._tell_commands(bot, before)

    def _tell_commands(self, bot: Account, before: _Lists) -> None:
        """Send updateBotCommands to all people who see other commands than before."""
        now = _profile(bot).commands
        for viewer, chat in self._places(bot):
            seen = _seen(now, viewer, chat)
            if seen != _seen(before, viewer, chat):
                peer = peer_of(chat.marked) if chat is not None else types.PeerUser(bot.id)
                self._feeds.hand(viewer.id, types.UpdateBotCommands(peer, bot.id, seen))

    def _places(self, bot: Account) -> Iterator[tuple[Account, Chat | None]]:
        """Yield each person who has the bot in a private dialog or in a chat, with the chat."""
        for number in bot.box.dialogs:
            viewer = self._accounts.get(number)
            if viewer is not None and not viewer.is_bot:
                yield viewer, None
        for chat in self._chats.values():
            if bot.id in chat.members:
                people = (self._accounts.get(number) for number in chat.members)
                yield from ((viewer, chat) for viewer in people if viewer is not None and not viewer.is_bot)

    def set_texts(
        self,
        bot: Account,
        language: str,
        *,
        name: str | None = None,
        about: str | None = None,
        description: str | None = None,
    ) -> None:
        """Set texts in a language; an empty one is removed, None leaves one as it is.

        Raise BOT_TITLE_INVALID, ABOUT_TOO_LONG or DESCRIPTION_TOO_LONG, before anything is changed.
        """
        profile = _profile(bot)
        given = (
            (name, NAME, "BOT_TITLE_INVALID", profile.names),
            (about, ABOUT, "ABOUT_TOO_LONG", profile.abouts),
            (description, DESCRIPTION, "DESCRIPTION_TOO_LONG", profile.descriptions),
        )
        for text, limit, error, _ in given:
            if text is not None and len(text) > limit:
                raise RpcError(400, error)
        for text, _, _, texts in given:
            if text:
                texts[language] = text
            elif text is not None:
                texts.pop(language, None)
        if not language:
            bot.first_name = profile.names.get("", bot.first_name)
            bot.about = profile.abouts.get("", "")
        profile.version += 1

    def set_menu(self, bot: Account, user_id: int, button: TLObject) -> None:
        """Set the button beside the text field for one user, 0 for all; the default button removes one."""
        menus = _profile(bot).menus
        if isinstance(button, types.BotMenuButtonDefault):
            menus.pop(user_id, None)
        else:
            menus[user_id] = button
        for viewer, chat in self._places(bot):
            if chat is None and user_id in (0, viewer.id):
                self._feeds.hand(viewer.id, types.UpdateBotMenuButton(bot.id, menu_of(bot, viewer.id)))


def menu_of(bot: Account, user_id: int) -> TLObject:
    """Return the menu button that a user sees, for 0 that of all."""
    menus = _profile(bot).menus
    return menus.get(user_id) or menus.get(0) or types.BotMenuButtonDefault()


def bot_info(user: Account, viewer: Account, chat: Chat | None = None) -> TLObject:
    """Build the BotInfo that a user sees in a private dialog, or in a chat; return None for a person."""
    profile = user.profile
    if profile is None:
        return None
    language = viewer.language or ""
    return types.BotInfo(
        user_id=user.id,
        description=profile.descriptions.get(language) or profile.descriptions.get(""),
        commands=_seen(profile.commands, viewer, chat),
        menu_button=menu_of(user, viewer.id),
        privacy_policy_url=profile.privacy_url or None,
    )


def _profile(bot: Account) -> BotProfile:
    if bot.profile is None:
        raise RpcError(400, "USER_BOT_REQUIRED")
    return bot.profile


def _seen(lists: _Lists, viewer: Account, chat: Chat | None) -> list[types.BotCommand]:
    """Return the commands that a person sees: of the narrowest list that there is."""
    places = ((scope, code) for scope in _scopes(viewer, chat) for code in (viewer.language or "", ""))
    return next((lists[place] for place in places if place in lists), [])


def _scopes(viewer: Account, chat: Chat | None) -> list[str]:
    """Return the scopes of commands that hold for a user in a dialog or chat, the narrowest first."""
    if chat is None:
        return [f"BotCommandScopePeer {viewer.id}", "users", "default"]
    admin = viewer.id == chat.creator or viewer.id in chat.admins
    found = [
        (f"BotCommandScopePeerUser {chat.marked} {viewer.id}", True),
        (f"BotCommandScopePeerAdmins {chat.marked}", admin),
        (f"BotCommandScopePeer {chat.marked}", True),
        ("chat_admins", admin),
        ("chats", True),
        ("default", True),
    ]
    return [scope for scope, holds in found if holds]
