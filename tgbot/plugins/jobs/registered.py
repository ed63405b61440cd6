"""What plugins register: the jobs that come again and again, and what carries out those planned once."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from tgbot.plugins.jobs.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job: what its function is given."""

    #: The name of the job.
    name: str
    #: When it was planned, in unix seconds of Telegram's clock. A run that was cut off has the same again.
    planned: int
    #: By how many seconds it begins later than that.
    late: int
    #: The user whom it is about, 0 for none; such a user is in memory.
    user_id: int = 0
    #: What `once` was given, as JSON has it.
    data: Any = field(default=None, repr=False)  # Any: JSON


#: The code of a job.
Function: TypeAlias = Callable[[Run], Awaitable[None]]
F = TypeVar("F", bound=Function)


class Missed(StrEnum):
    """What becomes of times that passed while the bot was off."""

    #: The job runs once at the start, for the latest of them.
    RUN = "run"
    #: The job waits for its next time.
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Job:
    """Work of a plugin that comes again and again."""

    name: str
    function: Function
    schedule: Schedule
    missed: Missed


class Registered:
    """All jobs of all plugins, each under a name of its own."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        #: Name → what carries out the entries that `once` plans under it.
        self.handlers: dict[str, Function] = {}
        self._closed = False

    def add_job(self, job: Job) -> None:
        self._check(job.name, job.function)
        self.jobs[job.name] = job

    def add_handler(self, name: str, function: Function) -> None:
        self._check(name, function)
        self.handlers[name] = function

    def close(self) -> None:
        """Take no more: the jobs begin."""
        self._closed = True

    def check_handler(self, name: str) -> None:
        """Raise ValueError if nothing carries out what is planned under a name."""
        if name not in self.handlers:
            raise ValueError(f"no plugin has @jobs.on({name!r}){meant(name, self.handlers)}")

    def _check(self, name: str, function: Function) -> None:
        if self._closed:
            raise ValueError(f"the job {name} comes too late: jobs are registered before the bot serves")
        if not inspect.iscoroutinefunction(function):
            raise ValueError(f"the job {name} has to be an async function, which takes one argument, its run")
        other = self.handlers.get(name) or (self.jobs[name].function if name in self.jobs else None)
        if other is not None:
            raise ValueError(f"there is a job {name} already, {place(other)}: give one of them another name")


def default_name(function: Function) -> str:
    """Return the name of a job that is given none: the module of its function and the function."""
    return f"{function.__module__}.{getattr(function, '__name__', type(function).__name__)}"


def place(function: Function) -> str:
    """Return module and qualified name of a function."""
    return f"{function.__module__}.{getattr(function, '__qualname__', '?')}".replace(".<locals>", "")


def meant(name: str, names: Iterable[str]) -> str:
    """Return a question whether the nearest of these names was meant, "" if none is near."""
    near = difflib.get_close_matches(name, names, 1)
    return f" (did you mean {near[0]}?)" if near else ""
