"""Broadcasts: what one is, whom it goes to, and what came of each delivery. Pure."""

from __future__ import annotations

from array import array
from collections import Counter
from enum import Enum, StrEnum
from typing import Final

import msgspec

from tgbot.core.access import Access
from tgbot.core.users import User

#: The preference that a user has who wants no broadcasts, and its value.
NEWS: Final = "news"
NO_NEWS: Final = "off"


class State(StrEnum):
    """How far a broadcast is; a member's value is how it is stored and shown."""

    #: It can be tested and changed; nothing is sent.
    DRAFT = "draft"
    #: It begins by itself at its time.
    SCHEDULED = "scheduled"
    #: It is delivered, or what was delivered is edited or deleted.
    RUNNING = "running"
    #: It was stopped, by hand or for a reason that is named, and can go on.
    PAUSED = "paused"
    #: Each recipient has an outcome; some may be `Outcome.LATE`, and then it can go on.
    DONE = "done"
    #: It was stopped for good.
    CANCELLED = "cancelled"


class Action(StrEnum):
    """What a running broadcast does with each recipient."""

    #: Send the message.
    SEND = "send"
    #: Edit the message that was sent.
    EDIT = "edit"
    #: Delete the message that was sent.
    DELETE = "delete"


class Outcome(Enum):
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
    #: The user had everything about them deleted; the id is 0 then.
    FORGOTTEN = 8

    @property
    def label(self) -> str:
        """The name in reports and in JSON."""
        return self.name.lower()


#: What access says of a delivery that was refused for it.
OUTCOME_OF: Final = {
    Access.BLOCKED: Outcome.BLOCKED,
    Access.DEACTIVATED: Outcome.DEACTIVATED,
    Access.BOT: Outcome.NOT_ALLOWED,
    Access.NOT_ALLOWED: Outcome.NOT_ALLOWED,
}


class Correction(Enum):
    """What came of editing or deleting one delivered message; a value is the byte that is stored."""

    #: Nothing yet, or nothing to do.
    NONE = 0
    #: Telegram did it.
    DONE = 1
    #: Telegram refused: the message is gone, too old, or the user stopped the bot.
    REFUSED = 2


class Audience(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which of the users that the bot may write to get a broadcast; each condition narrows it further.

    Times are unix seconds. Users who want no broadcasts are never in it.
    """

    #: Codes of languages, such as "ru": of the user's chosen language, else the last one known.
    languages: tuple[str, ...] = ()
    first_seen_after: int | None = None
    first_seen_before: int | None = None
    last_seen_after: int | None = None
    last_seen_before: int | None = None
    #: What the first or the last start payload begins with.
    payload: str = ""
    premium: bool | None = None
    #: Only these users.
    ids: tuple[int, ...] | None = None

    @property
    def everybody(self) -> bool:
        """Whether nothing narrows it."""
        return self == _EVERYBODY

    def includes(self, user: User) -> bool:
        """Return whether a user meets the conditions; whether the bot may write to them is not asked here."""
        return (
            (not self.languages or speaks(user.spoken, self.languages))
            and _between(user.first_seen, self.first_seen_after, self.first_seen_before)
            and _between(user.last_seen, self.last_seen_after, self.last_seen_before)
            and (user.first_payload.startswith(self.payload) or user.last_payload.startswith(self.payload))
            and self.premium in (None, user.premium)
            and (self.ids is None or user.id in self.ids)
            and not declines(user)
        )


_EVERYBODY: Final = Audience()


def speaks(language: str | None, codes: tuple[str, ...]) -> bool:
    """Return whether a language is one of these codes, or a variety of one: "pt-br" is one of "pt"."""
    code = (language or "").lower().replace("_", "-")
    return any(code == one or code.startswith(f"{one}-") for one in codes)


def declines(user: User) -> bool:
    """Return whether the user wants no broadcasts."""
    return user.preferences.get(NEWS) == NO_NEWS


def _between(at: int, after: int | None, before: int | None) -> bool:
    return (after is None or at >= after) and (before is None or at < before)


class Button(msgspec.Struct, frozen=True, omit_defaults=True):
    """A link button under the message."""

    text: str
    #: An http, https or tg link; "" for a start link to the bot itself, whose clicks are counted.
    url: str = ""
    #: What the start link carries beside the number of the broadcast.
    payload: str = ""


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of the content; an album has several."""

    text: str = ""
    #: The entities of the text: the bytes of a TL vector; b"" for none.
    entities: bytes = b""
    #: The medium: the bytes of a TL object `InputMedia`; b"" for none.
    media: bytes = b""

    def __repr__(self) -> str:
        return f"Part({len(self.text)} characters{', a medium' if self.media else ''})"


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message that is copied: the marked id of its chat, and its id; of an album the id of any part."""

    chat: int
    message: int


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sent in one language: the parts, once they are known, and where they come from."""

    parts: tuple[Part, ...] = ()
    #: None for a text that was given; else the parts are taken from there at the first use.
    source: Source | None = None


class Broadcast(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message to many people, and how far it is. Times are unix seconds of Telegram's clock."""

    id: int
    #: Makes its random_ids its own, also where the number was given before, in a store that was lost.
    salt: int
    created: int
    #: Language code → what is sent to those who speak it; "" is for everybody else.
    contents: dict[str, Content]
    audience: Audience = _EVERYBODY
    name: str = ""
    buttons: tuple[Button, ...] = ()
    #: Whether Telegram shows a preview of a link in the text.
    preview: bool = True
    #: Whether it arrives without a sound.
    silent: bool = False
    #: Deliveries a second at most, 0 for as many as the bot's pace leaves.
    rate: float = 0.0
    #: Whether Telegram may charge for deliveries above the free pace.
    paid: bool = False
    #: When it begins; None: by hand.
    at: int | None = None
    #: When it ends, whatever is left.
    until: int | None = None
    state: State = State.DRAFT
    action: Action = Action.SEND
    #: Counts the changes of the contents: part of the random_ids, so a changed draft is another message.
    revision: int = 1
    #: How often it was sent to its testers.
    tests: int = 0
    #: Why it paused by itself, for people to read; "" for by hand.
    reason: str = ""
    started: int | None = None
    ended: int | None = None
    #: How many recipients it has; None before the audience is frozen.
    size: int | None = None
    #: Language codes in the order of their numbers in the chunks.
    languages: tuple[str, ...] = ()

    @property
    def parts(self) -> int:
        """The number of messages that each recipient gets; 0 before the contents are known."""
        return max((len(content.parts) for content in self.contents.values()), default=0)

    def __repr__(self) -> str:
        return f"Broadcast(id={self.id}, state={self.state.value})"


#: How many deliveries are in a chunk.
CHUNK: Final = 1000


class Chunk:
    """The deliveries to up to `CHUNK` recipients of one broadcast, in columns; the unit that is written.

    Recipients are in order of their ids. The owner is the store: what is changed here is written at the
    checkpoint after `Deliveries.changed`.
    """

    __slots__ = (
        *("number", "ids", "outcomes", "at", "languages", "messages", "clicks", "corrections"),
        *("why", "errors"),
    )

    def __init__(self, number: int, ids: array[int], parts: int) -> None:
        size = len(ids)
        self.number = number
        #: User ids ("q"); 0 for one who had everything deleted.
        self.ids = ids
        #: `Outcome` values.
        self.outcomes = bytearray(size)
        #: When the outcome came ("q"), unix seconds.
        self.at = array("q", bytes(8 * size))
        #: Which of `Broadcast.languages` was sent; counted from 1, 0 for none.
        self.languages = bytearray(size)
        #: The ids of the messages sent ("i"), `parts` for each recipient.
        self.messages = array("i", bytes(4 * size * parts))
        #: Which of the buttons with a counted link were used: a bit each.
        self.clicks = bytearray(size)
        #: `Correction` values.
        self.corrections = bytearray(size)
        #: Which of `errors` a failure was; counted from 1.
        self.why = bytearray(size)
        #: Names of Telegram's errors.
        self.errors: list[str] = []


class Tally(msgspec.Struct):
    """How many deliveries of a broadcast have each outcome; kept with it, so that nothing is counted anew."""

    outcomes: dict[str, int] = {}
    #: Name of Telegram's error → how many failed with it.
    errors: dict[str, int] = {}
    #: How many recipients used each button with a counted link.
    clicks: list[int] = []
    #: Of what was sent: how many messages were edited or deleted in the last such round, and how many not.
    corrected: int = 0
    refused: int = 0

    @classmethod
    def of(cls, size: int) -> Tally:
        """Return the tally of a broadcast that begins."""
        return cls({Outcome.WAITING.label: size})

    def move(self, before: Outcome, after: Outcome) -> None:
        """Count one delivery under another outcome."""
        counts = Counter(self.outcomes)
        counts[before.label] -= 1
        counts[after.label] += 1
        self.outcomes = dict(counts)

    def count(self, outcome: Outcome) -> int:
        """Return how many deliveries have this outcome."""
        return self.outcomes.get(outcome.label, 0)
