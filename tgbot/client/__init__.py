"""All that knows Telethon's insides: login, connection, updates in order, calls once only, checkpoints."""

from tgbot.client.bot import BotClient
from tgbot.client.calls import error_name, keep_random_id
from tgbot.client.hooks import Hooks
from tgbot.client.login import Server

__all__ = ["BotClient", "Hooks", "Server", "error_name", "keep_random_id"]
