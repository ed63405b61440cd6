"""What is said when Telegram Desktop cannot be run."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Final

#: What has to be installed: a program, and the Debian package with it.
PROGRAMS: Final = {
    "telegram-desktop": "telegram-desktop",
    "xdotool": "xdotool",
}


class DesktopError(Exception):
    """Telegram Desktop cannot be run or does not go on; the message says why."""


def missing(programs: Mapping[str, str]) -> str | None:
    """Return what is to be installed, of these programs; None if all are there."""
    absent = [name for name in programs if shutil.which(name) is None]
    if not absent:
        return None
    packages = " ".join(programs[name] for name in absent)
    return f"this needs {', '.join(absent)} (Debian: apt-get install {packages})"
