"""Where the code of plugins lies: theirs, and what they import of their own."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

#: Where code lies that is not a plugin's own: Python, installed packages, the bot.
FOREIGN: Final = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(Path(__file__).parents[1]),
)


def directories(plugins: Iterable[str], loaded: Iterable[str], failed: BaseException | None) -> set[Path]:
    """Return the directories of the files of these plugins, and of their own code.

    `loaded` are the modules that were loaded with them; of these, libraries and the bot are left out.
    `failed` is the error that ended the loading: what it names was being imported then, and is no module.
    """
    files = {file for name in loaded if (file := _file(name)) and not file.startswith(FOREIGN)}
    files |= {file for name in plugins if (file := _file(name) or _spec(name))}
    while failed is not None:
        files |= {file for file in _named(failed) if not file.startswith(("<", *FOREIGN))}
        failed = failed.__cause__ or failed.__context__
    return {Path(file).absolute().parent for file in files}


def _file(name: str) -> str | None:
    return getattr(sys.modules.get(name), "__file__", None)


def _spec(name: str) -> str | None:
    """Return the file of a module that is not loaded, None if there is none."""
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # the package that it is in may raise anything, and it is told already
        return None
    return spec.origin if spec is not None and spec.has_location else None


def _named(error: BaseException) -> Iterator[str]:
    """Yield the files that an error names: those of its frames, and one that cannot be parsed."""
    for frame in traceback.extract_tb(error.__traceback__):
        yield frame.filename
    if isinstance(error, SyntaxError) and error.filename:
        yield error.filename
