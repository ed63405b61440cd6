"""Talks: conversations with users as straight code, which go on where they stood after a restart."""

from tgbot.plugins.talks.answers import Contact, Location
from tgbot.plugins.talks.raised import TalkCancelled, TalkExpired, TalkTooLongError
from tgbot.plugins.talks.registered import Ends
from tgbot.plugins.talks.talk import Talk
from tgbot.plugins.talks.talks import Talks

__all__ = [
    "Contact",
    "Ends",
    "Location",
    "Talk",
    "TalkCancelled",
    "TalkExpired",
    "TalkTooLongError",
    "Talks",
]
