"""All that knows Telethon's insides: login, link, updates in order, sends made once, checkpoints."""

import tgbot.telegram.telethon_alone  # noqa: F401 - before anything else imports Telethon
from tgbot.telegram.calls.limits import slow_mode_raises
from tgbot.telegram.calls.named import named_sends
from tgbot.telegram.calls.origin import next_key
from tgbot.telegram.client import BotClient
from tgbot.telegram.hooks import Listener
from tgbot.telegram.refusals import error_name
from tgbot.telegram.server import Server
from tgbot.telegram.wire.proxy import Proxy

__all__ = [
    "BotClient",
    "Listener",
    "Proxy",
    "Server",
    "error_name",
    "named_sends",
    "next_key",
    "slow_mode_raises",
]
