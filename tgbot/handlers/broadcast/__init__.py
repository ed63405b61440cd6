"""`/broadcast` in reply to a message sends it to many people, and shows an admin how far it is."""

from tgbot.handlers.broadcast.command import register

__all__ = ("register",)
