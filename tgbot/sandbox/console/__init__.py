"""Typed commands that switch faults on and off; `help` lists them."""

from ..faults import Faults
from ..world import World
from . import calls, links, updates
from . import world as of_world
from .command import Command, Deed, say
from .words import FaultError, Words

__all__ = ["COMMANDS", "FaultError", "parse", "run"]


async def run(faults: Faults, world: World, line: str) -> str:
    """Carry out a command and return a sentence that says what was done, or what is wrong with the line."""
    try:
        return await parse(faults, world, line)()
    except FaultError as error:
        return str(error)


def parse(faults: Faults, world: World, line: str) -> Deed:
    """Return the checked command of a line, ready to be carried out; raise `FaultError` for other lines."""
    name, *rest = line.split() or [""]
    command = COMMANDS.get(name.lower())
    if command is None:
        raise FaultError(f"Unknown command {name!r}. Type help for a list.")
    words = Words(world, rest)
    try:
        deed = command.build(faults, words)
        words.end()
    except FaultError as error:
        raise FaultError(f"{error} Usage: {name.lower()} {command.usage}".rstrip()) from None
    return deed


def _help(faults: Faults, words: Words) -> Deed:
    # A long usage has its meaning on a line of its own.
    lines = []
    for name, command in COMMANDS.items():
        start = f"{name} {command.usage}".rstrip()
        gap = " " * (_WIDTH - len(start)) if len(start) < _WIDTH else "\n" + " " * _WIDTH
        lines.append(f"{start}{gap}{command.meaning}")
    return say("\n".join(lines), lambda: None)


def _clear(faults: Faults, words: Words) -> Deed:
    return say("All faults are off.", faults.clear)


_WIDTH = 42
COMMANDS = {
    "help": Command("", "list all commands", _help),
    **links.COMMANDS,
    **calls.COMMANDS,
    **updates.COMMANDS,
    **of_world.COMMANDS,
    "clear": Command("", "switch all faults off", _clear),
}
