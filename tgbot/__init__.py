"""A Telegram bot for private dialogs over MTProto that never loses a user.

What a plugin names in its annotations can be imported from here: `from tgbot import BotClient, Sender`.
"""

TYPE_CHECKING = False  # without importing typing: a signal counts before anything else is imported
if TYPE_CHECKING:
    from tgbot.core.users import User as User
    from tgbot.core.users import UserRegistry as UserRegistry
    from tgbot.locales.texts import Texts as Texts
    from tgbot.messaging.broadcast.broadcasts import Broadcasts as Broadcasts
    from tgbot.messaging.menu import Menu as Menu
    from tgbot.messaging.resolve import Peers as Peers
    from tgbot.messaging.sender import Sender as Sender
    from tgbot.messaging.sweep import Sweep as Sweep
    from tgbot.plugins.jobs import Jobs as Jobs
    from tgbot.plugins.jobs import Run as Run
    from tgbot.plugins.parts import Approve as Approve
    from tgbot.plugins.parts import Forget as Forget
    from tgbot.plugins.parts import Parts as Parts
    from tgbot.plugins.talks import Contact as Contact
    from tgbot.plugins.talks import Ends as Ends
    from tgbot.plugins.talks import Location as Location
    from tgbot.plugins.talks import Talk as Talk
    from tgbot.plugins.talks import TalkCancelled as TalkCancelled
    from tgbot.plugins.talks import TalkExpired as TalkExpired
    from tgbot.plugins.talks import Talks as Talks
    from tgbot.plugins.talks import TalkTooLongError as TalkTooLongError
    from tgbot.telegram import BotClient as BotClient

__version__ = "0.1.0"

#: The names above → the modules that have them, which are imported when a name is used first.
_MODULES = {
    "Approve": "tgbot.plugins.parts",
    "BotClient": "tgbot.telegram",
    "Broadcasts": "tgbot.messaging.broadcast.broadcasts",
    "Contact": "tgbot.plugins.talks",
    "Ends": "tgbot.plugins.talks",
    "Forget": "tgbot.plugins.parts",
    "Jobs": "tgbot.plugins.jobs",
    "Location": "tgbot.plugins.talks",
    "Menu": "tgbot.messaging.menu",
    "Parts": "tgbot.plugins.parts",
    "Peers": "tgbot.messaging.resolve",
    "Run": "tgbot.plugins.jobs",
    "Sender": "tgbot.messaging.sender",
    "Sweep": "tgbot.messaging.sweep",
    "Talk": "tgbot.plugins.talks",
    "TalkCancelled": "tgbot.plugins.talks",
    "TalkExpired": "tgbot.plugins.talks",
    "TalkTooLongError": "tgbot.plugins.talks",
    "Talks": "tgbot.plugins.talks",
    "Texts": "tgbot.locales.texts",
    "User": "tgbot.core.users",
    "UserRegistry": "tgbot.core.users",
}

if not TYPE_CHECKING:

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return found

    def __dir__():
        return sorted({*globals(), *_MODULES})
