"""The commands `resolve` and `check`: who is this, and may the bot write to them?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from telethon.errors import RPCError

from tgbot.core.access import Access, Verdict
from tgbot.core.errors import TelegramRefusedError
from tgbot.core.users import UserReader
from tgbot.messaging.resolve import PeerKind, Peers
from tgbot.messaging.sender import Sender
from tgbot.operate.control import Command, Say
from tgbot.operate.people import judged
from tgbot.telegram import error_name
from tgbot.telegram.refusals import answer_of


def commands(peers: Peers, sender: Sender, users: UserReader) -> dict[str, Command]:
    """Return the commands by name."""

    async def resolve(say: Say, name: str) -> object:
        return await find(name, probe=False)

    async def check(say: Say, name: str) -> object:
        return await find(name, probe=True)

    async def find(name: str, *, probe: bool) -> dict[str, object]:
        with refusals():
            found = await peers.resolve(name)
            verdict = Verdict(Access.BOT if found.kind is PeerKind.BOT else Access.UNKNOWN)
            if found.kind is PeerKind.USER:
                verdict = await sender.can_write(found, probe=probe)
        known = users.get(found.id)
        return {
            "id": found.id,
            "kind": found.kind.value,
            "name": found.title or None,
            "usernames": list(found.usernames),
            "language": known.spoken if known else None,
            **judged(verdict),
            "found": found.found.value,
            "age": found.age,
        }

    return {"resolve": resolve, "check": check}


@contextmanager
def refusals() -> Iterator[None]:
    """Raise TelegramRefusedError for what Telegram refuses, puts off or garbles in the block."""
    try:
        yield
    except Exception as error:
        if answer_of(error) is None:
            raise
        name = error_name(error) if isinstance(error, RPCError) else type(error).__name__
        raise TelegramRefusedError(name) from error
