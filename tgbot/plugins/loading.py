"""Import plugins and let them register their handlers."""

from __future__ import annotations

import difflib
import importlib
import inspect
import logging
import sysconfig
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from tgbot.core.errors import PluginError
from tgbot.plugins.parts import Parts

logger = logging.getLogger(__name__)

#: Where code lies that is not a plugin's own: Python, installed packages, the bot.
_FOREIGN: Final = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parents[1]),
)
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
        except (Exception, SystemExit) as error:
            raise PluginError(self.module, f"register raised {_told(error)}") from error

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


def load_all(modules: Iterable[str]) -> list[Plugin]:
    """Import plugins in order; one that is named again is logged, and registered once."""
    plugins: dict[str, Plugin] = {}
    for module in modules:
        if module in plugins:
            logger.warning("[bot] plugins names %s more than once; it is registered once", module)
        else:
            plugins[module] = load(module)
    return list(plugins.values())


def load(module: str) -> Plugin:
    """Import a plugin. Raise PluginError if there is no such module, it raises, or has no `register`."""
    try:
        register = getattr(importlib.import_module(module), "register", None)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise PluginError(module, str(error)) from error
        raise PluginError(module, f"importing it raised {_told(error)}") from error
    except (Exception, SystemExit) as error:
        raise PluginError(module, f"importing it raised {_told(error)}") from error
    if not callable(register):
        raise PluginError(module, "it has no function register")
    if inspect.iscoroutinefunction(register):
        raise PluginError(module, "its register is a coroutine function; it must be a plain one")
    return Plugin(module, register)


def _told(error: BaseException) -> str:
    """Return an error on one line, with the innermost place in code that is the plugin's own."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    place = _place(error)
    return f"{type(error).__name__}{': ' if text else ''}{text}{f', in {place}' if place else ''}"


def _place(error: BaseException) -> str:
    """Return file and line of the innermost frame outside of libraries and the bot; "" if there is none.

    What cannot be parsed has no frame of its own: the error names its file.
    """
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return f"{error.filename} line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(("<", *_FOREIGN))]
    return f"{own[-1].filename} line {own[-1].lineno}" if own else ""
