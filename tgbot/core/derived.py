"""Keys that are derived from the bot's token, one for each purpose. Pure."""

from __future__ import annotations

import hmac


def derived_key(bot_token: str, purpose: str) -> bytes:
    """Return the key of 32 bytes that belongs to a bot's token and a purpose, always the same.

    Neither the token nor the key for another purpose can be computed from it.
    """
    return hmac.digest(bot_token.encode(), f"tgbot key: {purpose}".encode(), "sha256")
