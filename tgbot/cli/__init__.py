"""The command line. Its entry is here and imports next to nothing, so that signals are handled at once."""

from __future__ import annotations

import atexit
import gc
import os
import sys

TYPE_CHECKING = False  # without importing typing
if TYPE_CHECKING:
    from tgbot.cli.attached import Parent
    from tgbot.signals import StopSignals


def main(parent: Parent | None = None) -> None:
    """Run the script `tgbot`: end the process with the command's exit status.

    `parent` is the other process that runs the bot as its child.
    """
    _open_standard_files()
    signals = None
    if word_of(sys.argv[1:]) == "run":
        from tgbot.signals import StopSignals

        signals = StopSignals().__enter__()  # until the process has ended
        signals.unblock()
    # A start makes some 200,000 objects that stay. A search for cycles among them takes a tenth of a second.
    gc.set_threshold(300_000, 20, 50)
    try:
        from tgbot.cli import commandline  # late: it takes a tenth of a second

        code = commandline.main(sys.argv[1:], signals, parent)
        if signals is not None:
            from tgbot.cli.invocation import AGAIN

            if code == AGAIN:
                atexit._run_exitfuncs()  # what waits to be logged is, as at the end of the process
                signals.execute_anew()
        sys.exit(code)
    except KeyboardInterrupt:
        sys.exit(130)


def status(arguments: list[str], signals: StopSignals | None = None) -> int:
    """Run a command line and return its exit status; print an expected error on standard error."""
    from tgbot.cli import commandline

    return commandline.status(arguments, signals)


def _open_standard_files() -> None:
    """Open the standard files that are closed, on nothing, so that no other file gets their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - for as long as the process lasts
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115


def word_of(arguments: list[str]) -> str:
    """Return the word that names the command: the first one that is no option; "" for none, and for help."""
    words = iter(arguments)
    for word in words:
        if word in ("-h", "--help"):
            return ""
        if word == "--config":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""
