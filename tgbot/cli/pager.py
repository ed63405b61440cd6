"""Show long output page by page, as git does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress

from tgbot.cli.printed import OutputError


@contextmanager
def paged(*, wanted: bool) -> Iterator[None]:
    """Send standard output, which is a terminal, through a pager while the block lasts.

    The pager is $PAGER, else less, which ends by itself if all fits on one page; empty or "cat" is none. A
    reader that has seen enough ends the block without an error.
    """
    command = os.environ.get("PAGER", "less") if wanted else ""
    program = command.split()[:1]
    if not program or command.strip() == "cat" or shutil.which(program[0]) is None:
        yield
        return
    pager = subprocess.Popen(
        command,
        shell=True,
        stdin=subprocess.PIPE,
        env={"LESS": "FRX", "LV": "-c", **os.environ},
        encoding=sys.stdout.encoding,
        errors="replace",
    )
    assert pager.stdin is not None
    try:
        with redirect_stdout(pager.stdin):
            try:
                yield
            except OutputError as error:
                if error.reason:
                    raise
    finally:
        with suppress(OSError):
            pager.stdin.close()
        while pager.poll() is None:
            with suppress(KeyboardInterrupt):  # the pager, which has the terminal, decides what Ctrl-C means
                pager.wait()
