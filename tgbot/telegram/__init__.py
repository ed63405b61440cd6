"""All that knows Telethon's insides: login, connection, updates in order, calls once only, checkpoints."""

from tgbot.telegram.calls.chain import error_name, keep_random_id
from tgbot.telegram.client import BotClient
from tgbot.telegram.hooks import Hooks
from tgbot.telegram.login import Server

__all__ = ["BotClient", "Hooks", "Server", "error_name", "keep_random_id"]
