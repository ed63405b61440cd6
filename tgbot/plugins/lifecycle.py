"""The plugins of a bot while it runs: each with its parts, from their registration to the stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tgbot.core.places import places
from tgbot.locales.texts import Texts
from tgbot.plugins.loading import ReadSettings
from tgbot.plugins.parts import Parts
from tgbot.plugins.plugin import Plugin

logger = logging.getLogger(__name__)

#: How long an `on_stop` that is cut off may take to end, in seconds.
ENDING_SECONDS: Final = 1.0


class Plugins:
    """Register plugins, and call the functions that they have beside `register`."""

    def __init__(self, plugins: Sequence[Plugin]) -> None:
        self._plugins = plugins
        #: The plugins whose `register` has returned, in order, each with the parts that it was given.
        self._registered: list[tuple[Plugin, Parts]] = []

    def check(self, settings: ReadSettings) -> None:
        """Read the settings of all of them, which may differ from those they run with. Raise ConfigError."""
        for plugin in self._plugins:
            settings(plugin.module, plugin.model)

    async def register(self, parts: Parts, texts: Mapping[str, Texts]) -> None:
        """Have all of them register their handlers, in order; `texts` are those of each plugin by its name.

        Raise PluginError if one of them raises: the later ones are not registered then.
        """
        for plugin in self._plugins:
            given = own_parts(plugin, parts, texts.get(plugin.name, parts.texts))
            await plugin.register(given)
            self._registered.append((plugin, given))

    async def start(self) -> None:
        """Call `on_start` of each, in order, once updates are handled. Raise PluginError if one raises."""
        for plugin, parts in self._registered:
            await plugin.call("on_start", parts)

    async def stop(self, seconds: float) -> list[str]:
        """Call `on_stop` of all that were registered, the last one first, within so many seconds together.

        Errors are logged. Return those that were cut off, as "on_stop (module)".
        """
        until, cut = asyncio.get_running_loop().time() + seconds, []
        for plugin, parts in reversed(self._registered):
            left = max(0.0, until - asyncio.get_running_loop().time())
            ending = asyncio.create_task(self._called(plugin, parts, "on_stop", grace=left))
            done, _ = await asyncio.wait({ending}, timeout=left)
            if not done:
                ending.cancel()
                await asyncio.wait({ending}, timeout=ENDING_SECONDS)
                cut.append(f"on_stop ({plugin.module})")
        self._registered.clear()
        return cut

    async def failed(self, handler: str, event: object, error: BaseException) -> None:
        """Call `on_error` of the plugin whose handler (its module and name) raised; raise what that raises.

        A handler is that of the plugin in whose module it is, else of the only one in whose package it is.
        """
        nearness = [plugin.nearness(handler) for plugin, _ in self._registered]
        nearest = max(nearness, default=(0, 0))
        if not any(nearest) or nearness.count(nearest) > 1:
            return
        plugin, parts = self._registered[nearness.index(nearest)]
        if "on_error" in plugin.functions:
            await plugin.functions["on_error"](parts, {"event": event, "error": error})

    async def forget(self, user_id: int) -> list[str]:
        """Call `on_forget` of all; errors are logged. Return the modules of those that raised."""
        return [
            plugin.module
            for plugin, parts in self._registered
            if not await self._called(plugin, parts, "on_forget", user_id=user_id)
        ]

    async def _called(self, plugin: Plugin, parts: Parts, name: str, **facts: object) -> bool:
        """Call a function of a plugin, if it has it; log its error and return False if it raises."""
        if name not in plugin.functions:
            return True
        try:
            await plugin.functions[name](parts, facts)
        except (Exception, SystemExit) as error:
            whom = f" for user {facts['user_id']}" if "user_id" in facts else ""
            logger.error("%s of the plugin %s failed%s: %s", name, plugin.module, whom, places(error))
            return False
        return True


def own_parts(plugin: Plugin, parts: Parts, texts: Texts) -> Parts:
    """Return the parts that a plugin is given: some of them are its own."""
    talks, commands = parts.talks.of(texts), parts.commands.of(texts)
    return replace(parts, settings=plugin.settings, texts=texts, commands=commands, talks=talks)
