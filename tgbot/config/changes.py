"""What differs between two configurations, by the names of the keys: a value may be a secret."""

from __future__ import annotations

from tgbot.config.settings import Config


def changes(before: Config, now: Config) -> list[str]:
    """Return the keys whose values differ, such as "[bot] admins", in the order of config.toml."""
    return [
        f"[{section}] {key}"
        for section in Config.model_fields
        for key in type(getattr(now, section)).model_fields
        if getattr(getattr(before, section), key) != getattr(getattr(now, section), key)
    ]
