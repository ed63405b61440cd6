"""What every command needs of its invocation: the configuration, an event loop, the exit status of a no."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

if TYPE_CHECKING:
    from tgbot.config.settings import Config
    from tgbot.signals import StopSignals

T = TypeVar("T")

#: Exit status when the answer is no: nobody is found, or the bot may not write to them.
NO: Final = 3

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line for each result.")]


@dataclass(frozen=True, slots=True)
class Invocation:
    """What is known of a command line before its command runs; typer's context holds it."""

    #: The file that --config names.
    config: Path | None
    #: What signals do to `run`, where they are handled already.
    signals: StopSignals | None


def settings(context: typer.Context) -> Config:
    """Return the configuration from --config and the environment. Raise ConfigError."""
    from tgbot.config.loading import load

    return load(context.obj.config, os.environ)


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return its result; on uvloop if it is installed."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        with asyncio.Runner() as plain:
            return plain.run(work)
    with asyncio.Runner(loop_factory=new_event_loop) as fast:
        return fast.run(work)
