"""What Telethon's client can do and the bot's must not: each method says what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn


class Closed:
    """Methods of Telethon that would take the bot's login, session or connection away from it."""

    async def log_out(self) -> NoReturn:
        """Raise TypeError: it would delete the session, with all access hashes and the update state."""
        raise TypeError("the bot's session is not a plugin's to delete: revoke the token at @BotFather")

    async def sign_in(self, *given: Any, **options: Any) -> NoReturn:  # Any: as Telethon has it
        """Raise TypeError: the bot logs in by itself, and again where that is needed."""
        raise TypeError("the bot logs in by itself, with [telegram] bot_token")

    def set_proxy(self, proxy: Any) -> NoReturn:  # Any: as Telethon has it
        """Raise TypeError: a link that goes around the proxy would be worse than none."""
        raise TypeError("the bot connects by way of [telegram] proxy")
