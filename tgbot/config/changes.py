"""What differs between two configurations, by the names of the keys: a value may be a secret."""

from __future__ import annotations

from tgbot.config.settings import MODELS, Config


def changes(before: Config, now: Config) -> list[str]:
    """Return the keys whose values differ, such as "[bot] admins", in the order of config.toml."""
    own = [
        f"[{section}] {key}"
        for section in MODELS
        for key in type(getattr(now, section)).model_fields
        if getattr(getattr(before, section), key) != getattr(getattr(now, section), key)
    ]
    return own + before.plugins.differing(now.plugins)
