"""Where an error was raised, for the log: never its text, which may hold what a message says."""

from __future__ import annotations

import traceback
from pathlib import PurePath


def places(error: BaseException, most: int = 3) -> str:
    """Return the class of an error and the innermost `most` places that it passed, the last one first."""
    frames = traceback.extract_tb(error.__traceback__)[-most:]
    where = [f"{PurePath(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in reversed(frames)]
    return " < ".join((type(error).__name__, *where))
