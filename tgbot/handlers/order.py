"""All handlers in the order in which they are called, the plugins' among them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from tgbot.core.rates import Rate
from tgbot.handlers import (
    admin,
    allowed,
    broadcast,
    evidence,
    help,
    join_requests,
    language,
    link,
    news,
    privacy,
    start,
    sweep,
    throttle,
)
from tgbot.locales.texts import Texts
from tgbot.plugins.lifecycle import Plugins
from tgbot.plugins.parts import Parts

#: The handlers that `[bot] handlers` switches on and off, in the order in which they are called.
BUILT_IN: Final = (
    start,
    join_requests,
    allowed,
    language,
    news,
    privacy,
    admin,
    sweep,
    broadcast,
    link,
    help,
)


async def register_all(
    parts: Parts,
    plugins: Plugins,
    texts: Mapping[str, Texts],
    names: Collection[str],
    per_user: Rate | None = None,
) -> None:
    """Register the handlers, of the built-in ones those with these names, in the order of their calls.

    `texts` are those of each plugin by its name, `per_user` how often a user is handled.

    `tgbot.handlers` says why in this order.
    """
    on = [built_in for built_in in BUILT_IN if built_in.__name__.rpartition(".")[2] in names]
    evidence.register(parts)
    admissions = join_requests.register_first(parts) if join_requests in on else None
    if per_user is not None:
        throttle.register(parts, per_user)
    await plugins.register(parts, texts)
    for built_in in on:
        if built_in is join_requests:
            join_requests.register(parts, admissions)
        else:
            built_in.register(parts)
