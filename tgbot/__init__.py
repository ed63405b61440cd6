"""A Telegram bot for private dialogs over MTProto that never loses a user."""

__version__ = "0.1.0"
