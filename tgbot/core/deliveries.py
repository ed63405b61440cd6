"""Deliveries of a broadcast: what came of each, kept in chunks, and how many have each outcome. Pure."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from enum import Enum, IntEnum
from typing import Final

import msgspec

from tgbot.core.access import Access

#: How many deliveries are in a chunk.
CHUNK: Final = 1000
#: The name under which errors are kept for which a chunk has no number left.
OTHER_ERROR: Final = "OTHER"
#: How many names of errors a chunk has at most, and how many buttons can be counted.
ERRORS: Final = 255
BUTTONS: Final = 8


class Outcome(IntEnum):
    """What came of one delivery; a member's value is the byte that is stored, so it never changes."""

    #: Nothing yet.
    WAITING = 0
    #: Telegram has the message, and its id is known.
    SENT = 1
    #: The user stopped the bot.
    BLOCKED = 2
    #: The account is gone.
    DEACTIVATED = 3
    #: The user does not let the bot write, or is a bot.
    NOT_ALLOWED = 4
    #: Telegram refused it for another reason, whose name is kept.
    FAILED = 5
    #: The user wanted no broadcasts any more when their turn came.
    NO_NEWS = 6
    #: The deadline came first.
    LATE = 7
    #: The user asked to be forgotten (`/forget`); the id is 0 then.
    FORGOTTEN = 8

    @property
    def label(self) -> str:
        """The name in reports and in JSON."""
        return "not_in_time" if self is Outcome.LATE else self.name.lower()


#: What access says of a delivery that was refused for it.
OUTCOME_OF: Final = {
    Access.BLOCKED: Outcome.BLOCKED,
    Access.DEACTIVATED: Outcome.DEACTIVATED,
    Access.BOT: Outcome.NOT_ALLOWED,
    Access.NOT_ALLOWED: Outcome.NOT_ALLOWED,
}


class Correction(IntEnum):
    """What came of editing or deleting one delivered message; a value is the byte that is stored."""

    #: Nothing yet, or nothing to do.
    NONE = 0
    #: Telegram did it.
    DONE = 1
    #: Telegram refused: the message is gone, too old, or the user stopped the bot; the name is kept.
    REFUSED = 2
    #: It stays as it is: what was sent in its language is not edited in this round.
    UNTOUCHED = 3


class Wanted(Enum):
    """Which deliveries of a chunk are looked for."""

    #: Those with nothing yet.
    WAITING = "waiting"
    #: Those for which the deadline came first.
    LATE = "late"
    #: Those that were sent and not yet corrected in this round.
    UNCORRECTED = "uncorrected"


_WAITING: Final = int(Outcome.WAITING)
_SENT: Final = int(Outcome.SENT)
_LATE: Final = int(Outcome.LATE)


class Chunk:
    """The deliveries to up to `CHUNK` recipients of one broadcast, in columns; the unit that is written.

    Recipients are in order of their ids. Only the store changes it (`settle`, `correct`, `click`, `forget`).
    """

    __slots__ = (
        *("number", "ids", "parts", "outcomes", "at", "languages", "messages", "clicks"),
        *("corrections", "round", "why", "refusals", "errors", "__weakref__"),
    )

    def __init__(self, number: int, ids: array[int], parts: int) -> None:
        size = len(ids)
        self.number = number
        #: User ids ("q"); 0 for one who had everything deleted.
        self.ids = ids
        #: The number of messages that each recipient gets.
        self.parts = parts
        #: `Outcome` values.
        self.outcomes = bytearray(size)
        #: When the outcome came ("I"), unix seconds.
        self.at = array("I", bytes(4 * size))
        #: Which of `Broadcast.languages` was sent; counted from 1, 0 for none.
        self.languages = bytearray(size)
        #: The ids of the messages sent ("i"), `parts` for each recipient.
        self.messages = array("i", bytes(4 * size * parts))
        #: Which of the buttons with a counted link were used: a bit each.
        self.clicks = bytearray(size)
        #: `Correction` values of the round.
        self.corrections = bytearray(size)
        #: The `Broadcast.round` of the corrections.
        self.round = 0
        #: Which of `errors` a failure was; counted from 1.
        self.why = bytearray(size)
        #: The same of a refused correction.
        self.refusals = bytearray(size)
        #: Names of Telegram's errors.
        self.errors: list[str] = []

    def messages_of(self, index: int) -> Sequence[int]:
        """Return the ids of the messages that one recipient got; 0 for one that was not sent."""
        parts = self.parts
        return self.messages[index * parts : (index + 1) * parts]

    def error_of(self, index: int) -> str:
        """Return the name of Telegram's error for one failed delivery, "" for none."""
        return self._name(self.why[index])

    def refusal_of(self, index: int) -> str:
        """Return the name of Telegram's error for one correction that was refused, "" for none."""
        return self._name(self.refusals[index])

    def find(self, wanted: Wanted, start: int = 0) -> int:
        """Return the index of the first such delivery from `start` on, -1 if there is none."""
        if wanted is Wanted.WAITING:
            return self.outcomes.find(_WAITING, start)
        if wanted is Wanted.LATE:
            return self.outcomes.find(_LATE, start)
        index = self.outcomes.find(_SENT, start)
        while index >= 0 and self.corrections[index]:
            index = self.outcomes.find(_SENT, index + 1)
        return index

    def has(self, wanted: Wanted) -> bool:
        """Return whether there are such deliveries."""
        return self.find(wanted) >= 0

    def _name(self, number: int) -> str:
        return self.errors[number - 1] if number else ""

    def __repr__(self) -> str:
        return f"Chunk({self.number}, {len(self.ids)} deliveries)"


class Tally(msgspec.Struct):
    """How many deliveries of a broadcast have each outcome; kept with it, so that nothing is counted anew.

    It is what a count over the chunks gives, but for `removed`.
    """

    #: The index is the `Outcome`.
    outcomes: list[int] = msgspec.field(default_factory=lambda: [0] * len(Outcome))
    #: Name of Telegram's error → how many failed with it.
    errors: dict[str, int] = {}
    #: How many recipients used each button with a counted link.
    clicks: list[int] = msgspec.field(default_factory=lambda: [0] * BUTTONS)
    #: Of what was sent: to how many recipients it was edited or deleted in the last such round, for how many
    #: Telegram refused that, and for how many it stays as it is.
    corrected: int = 0
    refused: int = 0
    untouched: int = 0
    #: Name of Telegram's error → how many corrections were refused with it.
    refusals: dict[str, int] = {}
    #: How many messages there still were when they were deleted, as Telegram counts them.
    removed: int = 0

    @classmethod
    def of(cls, size: int) -> Tally:
        """Return the tally of a broadcast that begins."""
        tally = cls()
        tally.outcomes[Outcome.WAITING] = size
        return tally

    @property
    def labels(self) -> dict[str, int]:
        """How many deliveries have each outcome, by its name in reports and in JSON."""
        return {outcome.label: self.outcomes[outcome] for outcome in Outcome}

    @property
    def total(self) -> int:
        """How many deliveries there are."""
        return sum(self.outcomes)

    def count(self, outcome: Outcome) -> int:
        """Return how many deliveries have this outcome."""
        return self.outcomes[outcome]

    @property
    def uncorrected(self) -> int:
        """How many of what was sent are not yet corrected in the last round."""
        return self.outcomes[Outcome.SENT] - self.corrected - self.refused - self.untouched

    def failed(self, error: str, number: int = 1) -> None:
        """Count so many failures with an error more."""
        _add(self.errors, error, number)

    def correct(self, correction: int, error: str, number: int = 1) -> None:
        """Count so many corrections more; `error` is the name of a refusal."""
        self.corrected += number * (correction == Correction.DONE)
        self.refused += number * (correction == Correction.REFUSED)
        self.untouched += number * (correction == Correction.UNTOUCHED)
        if error:
            _add(self.refusals, error, number)

    def begin_round(self) -> None:
        """Count nothing as corrected any more."""
        self.corrected = self.refused = self.untouched = self.removed = 0
        self.refusals = {}


def _add(counts: dict[str, int], name: str, number: int) -> None:
    left = counts.get(name, 0) + number
    if left:
        counts[name] = left
    else:
        counts.pop(name, None)


def tally_of(chunks: Sequence[Chunk], round: int) -> Tally:
    """Return the tally of all of these chunks, by a look at each delivery."""
    tally = Tally()
    for chunk in chunks:
        for outcome, number in Counter(chunk.outcomes).items():
            tally.outcomes[outcome] += number
        for why, number in Counter(chunk.why).items():
            if why:
                tally.failed(chunk.errors[why - 1], number)
        for bits, number in Counter(chunk.clicks).items():
            for button in range(BUTTONS):
                tally.clicks[button] += number * (bits >> button & 1)
        if chunk.round == round:
            names = map(chunk.refusal_of, range(len(chunk.ids)))
            for (correction, error), number in Counter(zip(chunk.corrections, names, strict=True)).items():
                tally.correct(correction, error, number)
    return tally
