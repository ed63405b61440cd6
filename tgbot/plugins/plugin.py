"""A plugin's functions: what each of them asks for, how it is called, and where its errors were raised."""

from __future__ import annotations

import difflib
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from tgbot.core.errors import PluginError
from tgbot.plugins.origins import FOREIGN
from tgbot.plugins.parts import Parts

#: Names of the parts that a plugin can ask for.
NAMES: Final = tuple(part.name for part in fields(Parts))
#: The functions that a plugin may have → the names of what each is given beside the parts.
FUNCTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "register": (),
    "on_start": (),
    "on_stop": ("grace",),
    "on_error": ("event", "error"),
    "on_forget": ("user_id",),
}


@dataclass(frozen=True, slots=True)
class Function:
    """One of the functions of a plugin; it may be plain or a coroutine function."""

    callback: Callable[..., object]
    #: The names of what it is given by keyword.
    wanted: Sequence[str]
    #: Whether its first parameter is the client, whatever it is called.
    client_first: bool

    @classmethod
    def of(cls, module: str, name: str, callback: Callable[..., object], *, settings: bool) -> Function:
        """Return a function of a plugin; raise PluginError where it asks for a part that does not exist.

        `settings` says whether the plugin has a class for them. `**parts` in its signature takes all parts
        but `payload_key`, which is made from the bot's token.
        """
        known = [one for one in (*FUNCTIONS[name], *NAMES) if settings or one != "settings"]
        parameters = list(inspect.signature(callback).parameters.values())
        first = name == "register"
        wanted: list[str] = []
        for parameter in parameters[1:] if first else parameters:
            if parameter.kind is parameter.VAR_KEYWORD:
                skipped = {"payload_key", "client"} if first else {"payload_key"}
                wanted += [one for one in known if one not in skipped and one not in wanted]
            elif parameter.name in known:
                wanted.append(parameter.name)
            elif parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL:
                near = difflib.get_close_matches(parameter.name, known, 1)
                meant = f" (did you mean {near[0]}?)" if near else ""
                why = ", ".join(one for one in known if not first or one != "client")
                why = (
                    "it has no class Settings(pydantic.BaseModel)"
                    if parameter.name == "settings"
                    else f"the parts are {why}"
                )
                asks = f"its {name} asks for '{parameter.name}'{meant}, and {why}"
                raise PluginError(module, asks + placed(defined_at(callback)))
        return cls(callback, wanted, first)

    async def __call__(self, parts: Parts, facts: Mapping[str, object]) -> None:
        """Call it with the parts and facts that it asks for, and wait until it is done."""
        given = {name: facts[name] if name in facts else getattr(parts, name) for name in self.wanted}
        result = self.callback(parts.client, **given) if self.client_first else self.callback(**given)
        if inspect.isawaitable(result):
            await result


@dataclass(frozen=True, slots=True)
class Plugin:
    """An imported plugin."""

    #: Its module's name.
    module: str
    #: What it is called in `[plugins.NAME]` and in the names of files with texts.
    name: str
    #: Its functions out of FUNCTIONS, by name; `register` is among them.
    functions: Mapping[str, Function]
    #: Its class `Settings`, None if it has none.
    model: type[BaseModel] | None = None
    #: Its checked settings, None without such a class.
    settings: object = field(default=None, repr=False)

    async def register(self, parts: Parts) -> None:
        """Have it register its handlers. Raise PluginError if it raises."""
        await self.call("register", parts)

    async def call(self, name: str, parts: Parts, **facts: object) -> None:
        """Call one of its functions, if it has it. Raise PluginError if that raises."""
        if name not in self.functions:
            return
        try:
            await self.functions[name](parts, facts)
        except (Exception, SystemExit) as error:
            # The arguments may not fit, and then no place in the plugin was reached.
            place = "" if _place(error) else placed(defined_at(self.functions[name].callback))
            raise PluginError(self.module, f"{name} raised {told(error)}{place}") from error

    def nearness(self, handler: str) -> tuple[int, int]:
        """Return how near a handler (its module and name) is: in the module, or beside it in its package.

        The nearer, the greater; (0, 0) for a handler elsewhere.
        """
        package = self.module.rpartition(".")[0]
        inside, beside = (
            len(one) if one and handler.startswith(f"{one}.") else 0 for one in (self.module, package)
        )
        return inside, beside


def told(error: BaseException) -> str:
    """Return an error on one line, with the innermost place in code that is the plugin's own."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return f"{type(error).__name__}{': ' if text else ''}{text}{placed(_place(error))}"


def defined_at(found: object) -> str:
    """Return file and line where a function or class is defined; "" if that is not known."""
    thing: Any = found  # whatever a module has under the name of a function
    try:
        return f"{inspect.getsourcefile(thing)} line {inspect.getsourcelines(thing)[1]}"
    except (OSError, TypeError):
        return ""


def placed(place: str) -> str:
    """Return how a sentence ends that names a place, "" if there is none."""
    return f", in {place}" if place else ""


def _place(error: BaseException) -> str:
    """Return file and line of the innermost frame outside of libraries and the bot; "" if there is none.

    What cannot be parsed has no frame of its own: the error names its file.
    """
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return f"{error.filename} line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(("<", *FOREIGN))]
    return f"{own[-1].filename} line {own[-1].lineno}" if own else ""
