"""What proves after a login that it took place: a mark in the visitor's browser. Pure."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from tgbot.core.derived import derived_key


@dataclass(frozen=True, slots=True)
class Marks:
    """Marks the browser in which a login was accepted, so that a reload is told from a stranger's replay.

    The mark belongs to the hash that Telegram signed the login with, and only the bot can make it: who knows
    the address of a login alone has none.
    """

    bot_token: str = field(repr=False)

    def mark(self, signed_hash: str) -> str:
        """Return the mark of a login with this hash."""
        key = derived_key(self.bot_token, "browsers that logged in")
        return hmac.digest(key, signed_hash.encode(errors="replace"), "sha256").hex()

    def has(self, mark: str, signed_hash: str) -> bool:
        """Return whether a mark is that of the login with this hash."""
        return hmac.compare_digest(mark.encode(errors="replace"), self.mark(signed_hash).encode())
