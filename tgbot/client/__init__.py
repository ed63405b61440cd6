"""All that knows Telethon's insides: login, connection, updates in order, calls once only, checkpoints."""

from tgbot.client.bot import BotClient, Hooks, Server
from tgbot.client.calls import OwnRandomId, error_name

__all__ = ["BotClient", "Hooks", "OwnRandomId", "Server", "error_name"]
