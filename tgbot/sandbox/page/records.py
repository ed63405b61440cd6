"""What happened between people and a bot, in order, as it is recorded and saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from telethon.tl import TLObject

#: A message: the person in whose chat it is, or the marked id of a group, and its id on the bot's side.
Key = tuple[int, int]
Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Who:
    """A person as they were when they first did something."""

    id: int
    name: str
    last_name: str = ""
    username: str = ""
    language: str = ""
    premium: bool = False
    admin: bool = False


class Media(StrEnum):
    """What was sent that is not a text."""

    #: A picture.
    PHOTO = "photo"
    #: Any other file.
    FILE = "file"
    #: A phone number with a name.
    CONTACT = "contact"
    #: A place on the map.
    LOCATION = "location"


@dataclass(frozen=True, slots=True)
class Said:
    """A person has sent a message; `start` is the payload of a link, None for other messages."""

    key: Key
    text: str
    start: str | None = None
    media: Media | None = None
    #: Of a picture its content (none: it is not there any more), of a file content and name, of a contact
    #: phone number and name, of a location the two numbers.
    content: Sequence[object] = ()
    reply_to: int | None = None
    #: The formatting that the person chose, as entities of the schema.
    entities: Sequence[TLObject] = ()
    #: The message of this chat that was forwarded.
    forwarded: int | None = None
    #: What a saved test cannot say of this message.
    lacks: Sequence[str] = ()
    #: In a group, who sent it.
    who: int = 0


@dataclass(frozen=True, slots=True)
class Album:
    """A person has sent several pictures or files as one."""

    group: int
    items: Sequence[Said]


@dataclass(frozen=True, slots=True)
class Changed:
    """A person has changed the text of a message."""

    key: Key
    text: str
    entities: Sequence[TLObject] = ()
    lacks: Sequence[str] = ()
    #: In a group, who did it.
    who: int = 0


@dataclass(frozen=True, slots=True)
class Pressed:
    """A person has pressed a button of a message; the notice is what the app then showed."""

    key: Key
    label: str
    data: bytes
    #: Set when the bot has answered; None: it did not.
    notice: list[str] = field(default_factory=list)
    #: In a group, who did it.
    who: int = 0


@dataclass(frozen=True, slots=True)
class Blocked:
    """A person has blocked the bot, or ended that."""

    who: int
    blocked: bool


@dataclass(frozen=True, slots=True)
class Turned:
    """A person is different from now on: another name, username, language, or premium."""

    now: Who


@dataclass(frozen=True, slots=True)
class Heard:
    """The bot has sent a message to a person."""

    key: Key
    text: str
    labels: Labels = ()
    media: bool = False


@dataclass(frozen=True, slots=True)
class Edited:
    """The bot has changed a message."""

    key: Key
    text: str
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Deleted:
    """A message was deleted for the person and the bot: by the bot, or by the person."""

    key: Key
    by_bot: bool


@dataclass(frozen=True, slots=True)
class GroupOpened:
    """A supergroup with the bot in it; the first of the people created it."""

    chat: int
    title: str
    people: Sequence[int]
    #: Whether the bot is an admin.
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """A person has joined a group."""

    who: int
    chat: int


@dataclass(frozen=True, slots=True)
class Left:
    """A person has left a group."""

    who: int
    chat: int


@dataclass(frozen=True, slots=True)
class Process:
    """The bot's process was killed, stopped or started on the page: "kill", "stop" or "start"."""

    what: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A command of the sandbox was carried out."""

    line: str


@dataclass(frozen=True, slots=True)
class Settled:
    """The bot had handled everything before the next thing was done."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that a saved test cannot do."""

    what: str


Record = (
    Said
    | Album
    | Changed
    | Pressed
    | Blocked
    | Turned
    | Heard
    | Edited
    | Deleted
    | GroupOpened
    | Joined
    | Left
    | Process
    | Fault
    | Settled
    | LeftOut
)
#: What the bot does by itself, which a test waits for.
OF_THE_BOT = (Heard, Edited, Deleted)
#: What people do without waiting for the bot, and what of it the bot may answer.
_OF_PEOPLE = (Said, Album, Changed, Blocked, Turned)
_ANSWERED = (Said, Album, Changed)


def repeatable(records: Iterable[Record]) -> list[Record]:
    """Return the records with each kill and stop before what the bot had not got to.

    In the recorded order a test would leave the bot time to answer, or not: that depends on the machine.
    """
    ordered: list[Record] = []
    for record in records:
        at = place = len(ordered)
        if record in (Process("kill"), Process("stop")):
            while at and isinstance(ordered[at - 1], _OF_PEOPLE):
                at -= 1
                place = at if isinstance(ordered[at], _ANSWERED) else place
        ordered.insert(place, record)
    return ordered


@dataclass(frozen=True, slots=True)
class Origin:
    """The bot that was recorded."""

    #: What the marker of the test has: keys of [bot] and other sections, its username and name.
    marker: Mapping[str, object] = field(default_factory=dict)
    #: The account ids of its admins.
    admins: frozenset[int] = frozenset()
    #: For a reader: where the test has to be run, and other things to know.
    note: str = ""
