"""All that knows Telethon's insides: login, connection, updates in order, calls once only, checkpoints."""

from tgbot.client.bot import BotClient, Hooks
from tgbot.client.calls import error_name, keep_random_id
from tgbot.client.login import Server

__all__ = ["BotClient", "Hooks", "Server", "error_name", "keep_random_id"]
