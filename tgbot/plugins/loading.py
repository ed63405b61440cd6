"""Import plugins and let them register their handlers."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

from tgbot.core.errors import PluginError
from tgbot.plugins.parts import Parts

#: Names of the parts that a plugin can ask for; the client is its first argument.
NAMES: Final = tuple(field.name for field in fields(Parts) if field.name != "client")


@dataclass(frozen=True, slots=True)
class Plugin:
    """An imported plugin: its module's name, and its function `register(client, *, users, sender, …)`."""

    module: str
    register: Callable[..., object]

    def add_to(self, parts: Parts) -> None:
        """Call the plugin's `register` with the client and the parts that it names.

        `**parts` in its signature takes all of them but `payload_key`, which is made from the bot's token.
        Raise PluginError where it asks for a part that does not exist, and where it raises.
        """
        given = {name: getattr(parts, name) for name in self._wanted()}
        try:
            self.register(parts.client, **given)
        except Exception as error:
            raise PluginError(self.module, f"register raised {type(error).__name__}: {error}") from error

    def _wanted(self) -> list[str]:
        """Return the names of the parts that `register` takes."""
        wanted: list[str] = []
        for parameter in list(inspect.signature(self.register).parameters.values())[1:]:
            if parameter.kind is parameter.VAR_KEYWORD:
                wanted += [name for name in NAMES if name != "payload_key" and name not in wanted]
            elif parameter.name in NAMES:
                wanted.append(parameter.name)
            elif parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL:
                near = difflib.get_close_matches(parameter.name, NAMES, 1)
                meant = f" (did you mean {near[0]}?)" if near else ""
                asks = f"its register asks for '{parameter.name}'{meant}"
                raise PluginError(self.module, f"{asks}, and the parts are {', '.join(NAMES)}")
        return wanted


def load(module: str) -> Plugin:
    """Import a plugin. Raise PluginError if there is no such module, it raises, or has no `register`."""
    try:
        register = getattr(importlib.import_module(module), "register", None)
    except ImportError as error:
        raise PluginError(module, str(error)) from error
    except Exception as error:
        raise PluginError(module, f"importing it raised {type(error).__name__}: {error}") from error
    if not callable(register):
        raise PluginError(module, "it has no function register")
    if inspect.iscoroutinefunction(register):
        raise PluginError(module, "its register is a coroutine function; it must be a plain one")
    return Plugin(module, register)
