"""Print results on a terminal and as JSON, and how far long work is."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tgbot.core.names import clean_name
from tgbot.core.places import places

#: How long a bar stays as it is, in seconds.
_EACH_SECONDS: Final = 0.1


class OutputError(Exception):
    """Standard output takes no more; `reason` is empty where its reader has gone."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.reason = "" if isinstance(error, BrokenPipeError) else error.strerror or type(error).__name__


@contextmanager
def output_errors() -> Iterator[None]:
    """Raise OutputError for an OSError of a block that writes to standard output and to nothing else."""
    try:
        yield
    except OSError as error:
        raise OutputError(error) from None


def line(text: str) -> None:
    """Print one line."""
    try:  # in place of `output_errors`, which would take half the time of a long list
        sys.stdout.write(text + "\n")
    except OSError as error:
        raise OutputError(error) from None


def as_json(value: Mapping[str, object]) -> None:
    """Print one line of JSON."""
    line(json.dumps(dict(value)))


def complain(text: str) -> None:
    """Print an error on standard error."""
    sys.stderr.write(f"tgbot: {text}\n")


def program() -> str:
    """Return how this program is typed here: `tgbot` where the shell finds it, else the path of its file."""
    file = Path(sys.argv[0])
    if file.name != "tgbot":
        return f"{shlex.quote(sys.executable)} -m tgbot.cli"
    found = shutil.which("tgbot")
    if found is not None and file.exists() and file.samefile(found):
        return "tgbot"
    inside = file.absolute().is_relative_to(Path.cwd())
    return shlex.quote(str(file.absolute().relative_to(Path.cwd()) if inside else file.absolute()))


def unexpected(error: BaseException) -> str:
    """Return what to print of an error that no command expects: where it was raised, without its text.

    The text may hold a token or what somebody wrote to the bot; only the system's own words are shown.
    """
    said = error.strerror if isinstance(error, OSError) else None
    lines = [f"unexpected {type(error).__name__}{f' ({said})' if said else ''}, most recent call last:"]
    frames = traceback.extract_tb(error.__traceback__)
    lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    cause = error.__cause__ or error.__context__
    while cause is not None:
        lines.append(f"  after {places(cause)}")
        cause = cause.__cause__ or cause.__context__
    lines.append("Please report this as a defect, with the lines above and the output of tgbot --version.")
    return "\n".join(lines)


def clean(text: str) -> str:
    """Return a stranger's text on one line of at most 1,000 visible characters, safe for a terminal."""
    return clean_name(text, 1000)


def moment(at: int) -> str:
    """Return unix seconds as people read them: 2026-01-31 09:30:00 UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S UTC}"


def result(values: Mapping[str, object], as_one_line: bool) -> None:
    """Print a result as JSON, or each name with its value on a line, without values that are not known
    or in which nothing is visible."""
    if as_one_line:
        as_json(values)
        return
    for name, value in values.items():
        if value in (None, "", []):
            continue
        if name in ("since", "until", "evidence_at", "first_seen", "last_seen") and isinstance(value, int):
            value = moment(value)
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        elif isinstance(value, list):
            value = ", ".join(clean_name(str(one)) for one in value)
        else:
            # Of what is printed here, only names are as long as strangers make them.
            value = clean_name(str(value)) if name in ("first_name", "last_name") else clean(str(value))
        if value:
            line(f"{name.replace('_', ' '):<13} {value}")


@contextmanager
def progress(what: str, total: float | None) -> Iterator[Callable[[float], None]]:
    """Show a bar on a terminal while the block lasts; yield what is told how much of `total` is done.

    It may be told often: the bar changes ten times in a second at most.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=False) as bars:
        bar = bars.add_task(what, total=total)
        due = 0.0

        def show(done: float) -> None:
            nonlocal due
            now = time.monotonic()
            if now >= due:
                bars.update(bar, completed=done)
                due = now + _EACH_SECONDS

        yield show
