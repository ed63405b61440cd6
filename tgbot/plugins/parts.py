"""The parts of the bot that its handlers and plugins are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tgbot.core.users import UserRegistry
from tgbot.locales.texts import Texts
from tgbot.messaging.broadcast.broadcasts import Broadcasts
from tgbot.messaging.menu import Menu
from tgbot.messaging.resolve import Peers
from tgbot.messaging.sender import Sender
from tgbot.messaging.sweep import Sweep
from tgbot.plugins.alarm import Alarm
from tgbot.plugins.jobs import Jobs
from tgbot.plugins.talks import Talks
from tgbot.store.base import Planned
from tgbot.telegram import BotClient


class Approve(StrEnum):
    """When the bot approves a request to join a chat; a member's value is how the configuration spells it."""

    #: An admin of the chat decides.
    NEVER = "never"
    #: At once.
    ALWAYS = "always"
    #: Once the user has written to the bot.
    AFTER_START = "after_start"


async def _nothing_planned(user_id: int) -> Sequence[Planned]:
    return ()


class Forget(Protocol):
    """Delete a user by id; with `again`, the plugins have deleted what they keep already."""

    async def __call__(self, user_id: int, /, *, again: bool = False) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All that a handler or plugin may be given. Each plugin names the parts it wants.

    Handlers of the bot itself are registered by `register(parts)`; a plugin by
    `register(client, *, users, sender)`, say, with any of the names below as keyword parameters.
    """

    #: The client, logged in, before it handles updates: `client.me` is the bot's own user.
    client: BotClient
    #: Everyone the bot has met.
    users: UserRegistry
    #: Sends messages at Telegram's pace, and says whether the bot may write to a user.
    sender: Sender
    #: Finds users and chats by name, link or id.
    peers: Peers
    #: Makes broadcasts, carries them out, and tells how far they are.
    broadcasts: Broadcasts
    #: Runs work by the clock: `@jobs.every("09:00")`, and `jobs.once(at, name)` for one later moment.
    jobs: Jobs
    #: Hands what is planned for a moment to jobs and talks; tests wait for it.
    alarm: Alarm
    #: The texts in each language: `texts.render`, and `texts.to(user)` for the language of a user. A plugin
    #: has ids of its own in .ftl files beside its module; the others are the bot's.
    texts: Texts
    #: The commands that /help and the menus of the apps show; `commands.add` adds one, with its description.
    commands: Menu = field(default_factory=Menu)
    #: User ids of the bot's admins.
    admins: Set[int]
    #: Telegram's time in unix seconds.
    clock: Callable[[], float]
    #: The plugin's own settings: an instance of its class `Settings`; None where it has no such class.
    settings: object = field(default=None, repr=False)
    #: Puts everything that is finished on disk; it is safe there on return.
    checkpoint: Callable[[], Awaitable[None]]
    #: Deletes a user by id from everything the bot keeps, but for a block that stands; on disk on return.
    forget: Forget
    #: Probes everybody whom the bot has met.
    sweep: Sweep
    #: Conversations as straight code, which go on where they stood after a restart.
    talks: Talks
    #: How many updates of a user are parked: kept because they could not be finished.
    parked: Callable[[int], int] = lambda user_id: 0
    #: What is planned for a user at later moments, the earliest first.
    planned: Callable[[int], Awaitable[Sequence[Planned]]] = _nothing_planned
    #: Tells the bot's admins that it may not add users in a chat; given its marked id and title.
    right_missing: Callable[[int, str], None] = lambda chat, title: None
    #: When requests to join a chat are approved.
    approve: Approve = Approve.NEVER
    #: Signs start payloads (`links.pack` and `links.unpack`); made from the bot's token.
    payload_key: bytes = field(repr=False)
    #: The domain of the login page, which greets by itself those who log in there; "" without a page.
    greeted_elsewhere: str = ""
