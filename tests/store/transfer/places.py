"""Bots that lived for a while, for tests of what leaves them and comes back."""

from __future__ import annotations

import sqlite3
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path

from msgspec.structs import replace
from telethon.tl import types

from tgbot.core.access import Evidence, Kind
from tgbot.core.talks import KeptTalk, Step
from tgbot.core.users import Profile, Way
from tgbot.store.base import UpdateState
from tgbot.store.sqlite.peers import Peers
from tgbot.store.sqlite.session import DurableSession
from tgbot.store.sqlite.userfile import SqliteRegistry, open_readonly
from tgbot.store.transfer.exports import rows, write_file
from tgbot.store.transfer.forms import Form, UserFile
from tgbot.store.transfer.imports import Summary, check, into_place, nowhere, take_in

BOT = 42
ANNA, BORIS, CLARA = 5_000_000_001, 5_000_000_002, 5_000_000_003

TALK = KeptTalk(
    "order", "m5000000001:8", 60, "/order", "ru", 0, (Step("ask", "size", 9, 10, True, '"M"'),), 90
)


class Place:
    """A bot's directory."""

    address, node = "", ""

    def __init__(self, directory: Path) -> None:
        self.session = directory / "bot.session"
        self.registry = directory / "users.sqlite"
        self.logins = directory / "logins.sqlite"

    async def take(self, path: Path, *, dry: bool = False, now: int | None = None) -> Summary:
        now = now or int(time.time())
        summary = Summary()
        file = UserFile(path, BOT, now)
        check(file, self, BOT)
        async with AsyncExitStack() as stack:
            if dry:
                into = stack.enter_context(nowhere(self, now=now))
            else:
                into = await stack.enter_async_context(into_place(self, bot_id=BOT, now=now))
            await take_in(file, into, summary=summary)
        return summary

    def export(self, path: Path) -> bytes:
        form = Form(path.suffix[1:])
        with closing(open_readonly(self.registry)) as users, Peers(self.session) as peers:
            write_file(path, form, rows(users, peers), peers.bot_id())
        assert path.stat().st_mode & 0o777 == 0o600
        if form is Form.SESSION:
            with closing(sqlite3.connect(path)) as connection:
                return "\n".join(connection.iterdump()).encode()
        return path.read_bytes()

    def counts(self) -> dict[str, int]:
        with closing(open_readonly(self.registry)) as users:
            return {access.value: number for access, number in users.count().by.items() if number}


async def live_in(directory: Path) -> Place:
    """Make a used bot: Anna has every field, Boris blocked the bot, Clara has no access hash."""
    place = Place(directory)
    session = DurableSession(place.session)
    session.set_bot_id(BOT)
    session.remember(
        [
            types.User(ANNA, access_hash=2**62, first_name="Anna", last_name="A", username="Anna"),
            types.User(
                BORIS,
                access_hash=-5,
                first_name="Boris",
                usernames=[types.Username("boris", active=True), types.Username("bear", active=True)],
            ),
            types.Chat(9, "A group", types.ChatPhotoEmpty(), 2, None, 1),
        ]
    )
    await session.checkpoint(UpdateState(1, 2, 3, 4))
    session.close()
    users = SqliteRegistry(place.registry, clock=time.time)
    users.seen(Profile(ANNA, 'Anna\ud83d,\n"', "A", ("Anna",), "ru", premium=True), 50, Way.MESSAGE)
    users.seen(Profile(ANNA, "Änna", "A", ("Anna",), "en"), 60, Way.MESSAGE)
    users.wrote(ANNA, 60, 7, "spring")
    users.choose_language(ANNA, "ru")
    users.finished(ANNA, 7)
    users.join_requested(CLARA, -1_000_000_000_077, 95)
    users.access_greeted(ANNA, 6)
    users.seen(Profile(BORIS, "Boris", "", ("boris", "bear")), 90, Way.MESSAGE)
    users.record(BORIS, Evidence(Kind.BOT_STOPPED, 95, 3))
    users.record(CLARA, Evidence(Kind.JOIN_REQUEST, 95, 4, int(time.time()) + 300, "a chat"))
    users.finished(-9, 3)
    users.keep_data(ANNA, "shop\ud83d", {"cart": ["=1+1", 0.5, 2**70], "who": "A\ud83d,\n"})
    users.keep_data(ANNA, "quiz", {"points": 5})
    users.keep_talk(ANNA, ANNA, TALK)
    users.keep_talk(ANNA, -1_000_000_000_077, replace(TALK, key="m-1000000000077:9"))
    await users.flush()
    users.close()
    return place
