"""What every command needs of its invocation: the configuration, an event loop, the exit status of a no."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol, TypeVar

import typer

from tgbot.cli import printed

if TYPE_CHECKING:
    from tgbot.cli.attached import Parent
    from tgbot.config.settings import Config
    from tgbot.signals import StopSignals

T = TypeVar("T")

#: How long tasks may take to end when everything else has, in seconds.
ENDING_SECONDS: Final = 1.0
#: Exit status when the answer is no: nobody is found, or the bot may not write to them.
NO: Final = 3
#: The result of a `run` whose process begins anew, to stand by: no exit status.
AGAIN: Final = -1

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line for each result.")]


def examples(*lines: str) -> str:
    """Return what a command's help ends with: command lines to copy, without the name of the program."""
    return "\n".join(["Examples:", "", *(f"- `tgbot {line}`" for line in lines)])


@dataclass(frozen=True, slots=True)
class Invocation:
    """What is known of a command line before its command runs; typer's context holds it."""

    #: The file that --config names.
    config: Path | None
    #: What signals do to `run`, where they are handled already.
    signals: StopSignals | None
    #: The process that started this one, and is told how far `run` is.
    parent: Parent | None = None


def settings(context: typer.Context, warn: Callable[[str], None] = printed.complain) -> Config:
    """Return the configuration from --config and the environment. Raise ConfigError."""
    from tgbot.config.loading import load

    return load(context.obj.config, os.environ, warn)


def find_plugins(config: Path | None) -> None:
    """Let plugins be found that lie beside the file of --config; last in the path, they hide no module."""
    sys.path.append(str((config or Path("config.toml")).resolve().parent))


def new_file(path: Path, parameter: str) -> None:
    """Raise typer.BadParameter, which names the parameter, if no file can have this path."""
    if path.is_dir():
        raise typer.BadParameter(f"'{path}' is a directory: name a file", param_hint=parameter)
    if not path.parent.is_dir():
        problem = f"there is no directory '{path.parent}' for '{path.name}': make it, or name another one"
        raise typer.BadParameter(problem, param_hint=parameter)


class Run(Protocol):
    """Run a coroutine to its end on an event loop, and return its result."""

    def __call__(self, work: Coroutine[Any, Any, T], /) -> T: ...


@contextmanager
def event_loop() -> Iterator[Run]:
    """Give an event loop to a block; one of uvloop if it is installed.

    Tasks that are left are cancelled. Those that suppress it keep the process for `ENDING_SECONDS` at most.
    """
    try:
        from uvloop import new_event_loop
    except ImportError:
        runner = asyncio.Runner()
    else:
        runner = asyncio.Runner(loop_factory=new_event_loop)

    def run(work: Coroutine[Any, Any, T]) -> T:
        results: list[T] = []

        async def keep_result() -> None:
            # Not returned: when a run ends, Python forms the task's repr, with all that is in its result.
            results.append(await work)

        runner.run(keep_result())
        return results[0]

    try:
        yield run
    finally:
        if runner.run(_others_end()):
            runner.close()


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on an `event_loop` of its own, and return its result."""
    with event_loop() as run:
        return run(work)


async def _others_end() -> bool:
    """Cancel all other tasks; return whether they have ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    return not others or not (await asyncio.wait(others, timeout=ENDING_SECONDS))[1]
