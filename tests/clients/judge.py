"""What TDLib says in its log of what the sandbox has sent: each of it is a defect of the sandbox."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: A line of the log: level 1 is an error, 2 a warning; then thread and time, the source, and the text.
_LINE: Final = re.compile(r"\[ ([12])\]\[t \d+\]\[[\d.]+\]\[([\w.]+):\d+\](?:\[[^\]]*\])*\t(.*)")
#: What it notes at level 2 of its own doings: sources with the beginning of the text.
_OWN: Final = (
    ("AuthDataShared.cpp", "DcId{"),
    ("Session.cpp", "Generate new session_id"),
    ("Session.cpp", "Update auth key"),
    ("Session.cpp", "Drop auth key"),
    ("Session.cpp", "Session connection with"),  # the check "cut"
    ("SessionConnection.cpp", "RawConnection::flush took"),
    ("Td.cpp", "Close Td"),
    ("Timer.cpp", "SLOW"),
    ("TdDb.cpp", "Set PRAGMA"),
)
#: What the sandbox does not have, and refuses: sets of stickers, and the animations of reactions.
KNOWN: Final = (
    "WARNING StickersManager.cpp: Receive error",
    "ERROR NetQuery.cpp: Receive INPUT_METHOD_INVALID",
)


def findings(directory: Path) -> list[str]:
    """Return the errors and warnings in all logs below a directory, each once, with how often it came."""
    found = Counter(_complaints("\n".join(log.read_text() for log in sorted(directory.rglob("tdlib.log*")))))
    return [f"{text} ({count}×)" if count > 1 else text for text, count in found.items()]


def _complaints(log: str) -> Iterator[str]:
    for level, source, text in _LINE.findall(log):
        if not any(source == its and text.startswith(beginning) for its, beginning in _OWN):
            yield f"{'ERROR' if level == '1' else 'WARNING'} {source}: {re.sub(r'[0-9]{6,}', 'N', text)}"
