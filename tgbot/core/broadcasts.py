"""Broadcasts: what one is, and whom it goes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

import msgspec

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


class Recipient(Protocol):
    """What an audience asks of a user; a `User` has it."""

    @property
    def id(self) -> int: ...
    @property
    def spoken(self) -> str | None: ...
    @property
    def first_seen(self) -> int: ...
    @property
    def last_seen(self) -> int: ...
    @property
    def first_payload(self) -> str: ...
    @property
    def last_payload(self) -> str: ...
    @property
    def premium(self) -> bool: ...
    @property
    def preferences(self) -> Mapping[str, str]: ...


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

    def includes(self, user: Recipient) -> bool:
        """Return whether a user meets the conditions.

        Whether the bot may write to them is not asked here, nor whether they are one of `ids`: who looks for
        recipients looks only at those.
        """
        return (
            (not self.languages or speaks(user.spoken, self.languages))
            and _between(user.first_seen, self.first_seen_after, self.first_seen_before)
            and _between(user.last_seen, self.last_seen_after, self.last_seen_before)
            and (user.first_payload.startswith(self.payload) or user.last_payload.startswith(self.payload))
            and self.premium in (None, user.premium)
            and not declines(user)
        )


_EVERYBODY: Final = Audience()


def speaks(language: str | None, codes: tuple[str, ...]) -> bool:
    """Return whether a language is one of these codes, or a variety of one: "pt-br" is one of "pt"."""
    if language in codes:  # nearly always, where it is one
        return True
    code = (language or "").lower().replace("_", "-")
    return any(code == one or code.startswith(f"{one}-") for one in codes)


def declines(user: Recipient) -> bool:
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
    #: Counts the rounds in which what was sent is edited or deleted; a new one corrects everybody anew.
    round: int = 0
    #: Language codes in the order of their numbers in the chunks.
    languages: tuple[str, ...] = ()
    #: What is edited in this round: language code → the new content, without parts where only the buttons
    #: change. What was sent in another language stays.
    edits: dict[str, Content] = {}
    #: When the last round began, and when it ended.
    round_started: int | None = None
    round_ended: int | None = None

    @property
    def parts(self) -> int:
        """The number of messages that each recipient gets; 0 before the contents are known."""
        return max((len(content.parts) for content in self.contents.values()), default=0)

    def __repr__(self) -> str:
        return f"Broadcast(id={self.id}, state={self.state.value})"
