"""What is kept of a talk: a conversation with one user in one chat that goes on after a restart."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, TypeAlias

import msgspec

#: What JSON has, and comes back out of it; no type says what is in it.
Json: TypeAlias = Any  # Any: JSON
#: How many bytes a talk may take as JSON text, its kept answers included.
TALK_BYTES: Final = 64 * 1024
#: The name under which talks plan what they do at a later moment (see `store.base.Planned`).
TALK: Final = "talk"


class Raised(StrEnum):
    """What a step raises in the talk's function; a member's value is how the store spells it."""

    #: It returns its value.
    NOTHING = ""
    #: Nobody answered in time.
    EXPIRED = "expired"
    #: The user ended the talk by a command.
    CANCELLED = "cancelled"


class Step(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One step of a talk that is done, or the question that waits for its answer."""

    #: What the plugin called: "say", "ask", "choose", "once" and so on.
    kind: str
    #: What tells this step from another of its kind in its place: a short digest of the question, or a name.
    label: str = ""
    #: Id of the message that the bot sent, 0 for none.
    message: int = 0
    #: Id of the user's message that answers, 0 where it was a press, or nothing.
    answer: int = 0
    #: Whether it is done; only the last step may not be.
    done: bool = False
    #: The answer or the result, as JSON has it.
    value: Json = None
    #: What it raises in place of returning the value.
    raised: Raised = Raised.NOTHING

    def __repr__(self) -> str:
        return f"Step({self.kind})"  # no answer belongs into a log


class KeptTalk(msgspec.Struct, omit_defaults=True, gc=False):
    """A talk as it is kept with its user, under the marked id of its chat; to be replaced, not changed.

    The function of the talk runs again from its top with this, and gets to where it stood. One that is over
    stays without its steps until the next one in this chat: what it took is recognised when it comes again.
    """

    #: The name that it was registered under.
    name: str
    #: The key of the update that began it, which names its sends; no two talks share one.
    key: str
    #: When it began, in unix seconds of Telegram's clock.
    at: int
    #: The text of the message that began it.
    text: str = ""
    #: The language of its texts, "" for the default one; it stays, whatever the user chooses meanwhile.
    language: str = ""
    #: The topic that it takes place in, 0 for none.
    topic: int = 0
    #: The steps so far, in order.
    steps: tuple[Step, ...] = ()
    #: When the open question expires, in unix seconds of Telegram's clock, 0 for never.
    until: int = 0
    #: Id of the last message of the user that it took: the one that began it, or an answer.
    last: int = 0
    #: The album of which the last answer was a part, 0 for none: the rest of it answers nothing.
    album: int = 0
    #: Whether it has ended.
    over: bool = False

    @property
    def first(self) -> int:
        """Id of the message that began it."""
        return int(self.key.rpartition(":")[2])

    @property
    def question(self) -> Step | None:
        """The question that waits for its answer, None while the function is at work."""
        return self.steps[-1] if self.steps and not self.steps[-1].done else None

    def __repr__(self) -> str:
        return f"KeptTalk(name={self.name!r})"
