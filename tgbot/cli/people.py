"""`tgbot resolve` and `tgbot check`: who is this, and may the bot write to them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telethon.errors import RPCError

from tgbot.app import open_bot
from tgbot.cli import printed
from tgbot.cli.invocation import NO
from tgbot.core.access import Access, Verdict
from tgbot.core.addresses import parse_peer
from tgbot.core.errors import TelegramRefusedError
from tgbot.messaging.resolve import PeerKind
from tgbot.operate.logs import log_to_stderr
from tgbot.telegram import error_name
from tgbot.telegram.refusals import answer_of

if TYPE_CHECKING:
    from tgbot.config.settings import Config


async def answer(config: Config, text: str, json: bool, *, probe: bool) -> int:
    """Print whom the text means; with `probe`, ask Telegram whether the bot may write, and return 3 if not.

    Raise a ResolveError if nobody is found, TelegramRefusedError for any other refusal.
    """
    log_to_stderr("WARNING")
    parse_peer(text)  # text that leads nowhere is refused without a login
    try:
        async with open_bot(config) as bot:
            found = await bot.peers.resolve(text)
            verdict = Verdict(Access.BOT if found.kind is PeerKind.BOT else Access.UNKNOWN)
            if found.kind is PeerKind.USER:
                verdict = await bot.sender.can_write(found, probe=probe)
            known = bot.users.get(found.id)
    except Exception as error:
        if answer_of(error) is None:
            raise
        name = error_name(error) if isinstance(error, RPCError) else type(error).__name__
        raise TelegramRefusedError(name) from error
    result = {
        "id": found.id,
        "kind": found.kind.value,
        "name": found.title or None,
        "usernames": list(found.usernames),
        "language": known.spoken if known else None,
        **printed.verdict(verdict),
        "found": found.found.value,
        "age": found.age,
    }
    printed.result(result, json)
    return NO if probe and verdict.access is not Access.REACHABLE else 0
