"""Strings that are planted in the worlds of the scenarios, and the search for them in what the bot puts out.

Names, texts, tokens, hashes, phone numbers and raw bytes have no place in a log, an error or a traceback.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from tgbot.sandbox.world import World

#: A part of every planted name of a person, chat or bot.
NAME: Final = "Quillifer"
#: A part of every planted message text.
TEXT: Final = "zymotick"
#: The api_hash of every planted configuration.
API_HASH: Final = "5eed0f7e11ab1e5a5e5c0ffee0ddba11"

#: What is being tried: log records are kept under it.
trial: ContextVar[str] = ContextVar("trial", default="")


def _forms(word: str) -> Iterator[str]:
    """Yield a word as it looks in plain text, in hexadecimal digits and in escaped bytes."""
    raw = word.encode()
    yield word
    yield raw.hex()
    yield "".join(f"\\x{byte:02x}" for byte in raw)
    yield " ".join(f"{byte:02x}" for byte in raw)
    yield ", ".join(str(byte) for byte in raw)


_WORDS: Final = {
    kind: re.compile("|".join(map(re.escape, _forms(word))), re.IGNORECASE)
    for kind, word in (("a name", NAME), ("a message text", TEXT), ("the api_hash", API_HASH))
}
_PATTERNS: Final = _WORDS | {
    "a token": re.compile(r"\b[0-9]{8,}:[A-Za-z0-9_-]{35}"),
    "a phone number": re.compile(r"\b99966[0-9]{5}\b"),
    # Two escaped bytes in a row, bytes that no encoding has, a number of at least 16 bytes.
    "raw bytes": re.compile(r"(?:\\x[0-9a-f]{2}){2}|\ufffd|\b[0-9a-f]{32,}\b", re.IGNORECASE),
}
_LONG: Final = re.compile(r"-?\b[0-9]{15,20}\b|\b0x[0-9a-f]{12,16}\b|\b[0-9a-f]{16}\b", re.IGNORECASE)


def leaks(output: str, hashes: Iterable[str] = ()) -> list[str]:
    """Return a line for each part of an output that has no place there.

    `hashes` are further strings, such as those of `access_hashes`.
    """
    found = []
    for kind, pattern in _PATTERNS.items():
        found += [f"{kind}: {_line(output, match.start())}" for match in pattern.finditer(output)]
    secret = set(hashes)
    for match in _LONG.finditer(output) if secret else ():
        if match[0].lower() in secret:
            found.append(f"an access hash: {_line(output, match.start())}")
    return found


def access_hashes(world: World, bot_id: int) -> set[str]:
    """Return every access hash that a bot may know, in the forms in which it can be printed."""
    hashes = set()
    accounts = world.accounts
    for viewed, kind in (
        *((number, b"user") for number in accounts.ids()),
        *((chat.id, b"channel") for chat in world.chats.values()),
    ):
        number = accounts.access_hash(bot_id, viewed, kind=kind)
        unsigned = number % 2**64
        hashes |= {str(number), str(unsigned), hex(unsigned), f"{unsigned:016x}"}
        hashes.add(unsigned.to_bytes(8, "little").hex())
    return hashes


def _line(output: str, at: int) -> str:
    start = output.rfind("\n", 0, at) + 1
    return output[start:].partition("\n")[0][:300]


class Records(logging.Handler):
    """What was logged, with its tracebacks, by the value of `trial`: of the bot at every level.

    What a thread logs has no trial.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S"))
        self.lines: dict[str, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.add(self.format(record))

    def add(self, text: str) -> None:
        """Keep a text of the running trial as if it was logged."""
        self.lines.setdefault(trial.get(), []).append(text)

    def of(self, name: str) -> str:
        """Return what was logged in a trial."""
        return "\n".join(self.lines.get(name, ()))


@contextmanager
def recording() -> Iterator[Records]:
    """Keep what the bot logs, and what Telethon logs at INFO and above, while the block lasts."""
    records = Records()
    levels = {logging.getLogger(): logging.INFO, logging.getLogger("tgbot"): logging.DEBUG}
    before = {logger: logger.level for logger in levels}
    logging.getLogger().addHandler(records)
    for logger, level in levels.items():
        logger.setLevel(level)
    try:
        yield records
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
        logging.getLogger().removeHandler(records)
