"""Import plugins, and see that each of them can be used."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Protocol

from pydantic import BaseModel

from tgbot.core.errors import PluginError
from tgbot.core.pluginnames import names_of
from tgbot.plugins.plugin import FUNCTIONS, Function, Plugin, placed, told

logger = logging.getLogger(__name__)


class ReadSettings(Protocol):
    """Read the settings of a plugin, given its module and its class `Settings`, None if it has none.

    Return an instance of the class. Raise ConfigError for a wrong value or key, and where there are settings
    for a plugin without such a class.
    """

    def __call__(self, module: str, model: type[BaseModel] | None, /) -> object: ...


def no_settings(module: str, model: type[BaseModel] | None, /) -> object:
    """Return the settings of a plugin as its class has them by default."""
    return None if model is None else model()


def load_all(modules: Iterable[str], settings: ReadSettings = no_settings) -> list[Plugin]:
    """Import plugins in order and read their settings; one that is named again is logged, and loaded once."""
    names = names_of(modules := tuple(modules))
    for module in names:
        if modules.count(module) > 1:
            logger.warning("[bot] plugins names %s more than once; it is registered once", module)
    return [load(module, settings, name) for module, name in names.items()]


def load(module: str, settings: ReadSettings = no_settings, name: str = "") -> Plugin:
    """Import a plugin, and read its settings.

    Raise PluginError if there is no such module, it raises, it has no `register`, or one of its functions
    asks for what there is not; ConfigError for its settings.
    """
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise PluginError(module, str(error)) from error
        raise PluginError(module, f"importing it raised {told(error)}") from error
    except (Exception, SystemExit) as error:
        raise PluginError(module, f"importing it raised {told(error)}") from error
    model = getattr(found, "Settings", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        model = None
    functions = {
        one: Function.of(module, one, callback, settings=model is not None)
        for one in FUNCTIONS
        if (callback := _callback(found, one)) is not None
    }
    if "register" not in functions:
        raise PluginError(module, "it has no function register" + placed(found.__file__ or ""))
    return Plugin(module, name or names_of([module])[module], functions, model, settings(module, model))


def _callback(found: ModuleType, name: str) -> Callable[..., object] | None:
    callback = getattr(found, name, None)
    return callback if callable(callback) else None
