"""The story of a message, for the page: its update, what the bot did because of it, and how long all took."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..dialogs import CHANNEL_BASE, Copy
from ..records import Record
from ..server import Sandbox
from .causes import Brought, Causes, Story, Why
from .reading import Readings, error_of
from .tabs import DeedError

#: The most bots of a group, and presses of a message's buttons, whose stories are told.
_MAX_STORIES: Final = 10


class Stories:
    """Tell what led to a message, and what it led to."""

    def __init__(
        self, sandbox: Sandbox, causes: Causes, readings: Readings, name_of: Callable[[int | None], str]
    ) -> None:
        self._sandbox = sandbox
        self._causes = causes
        self._readings = readings
        self._name_of = name_of

    def of(self, account: int, peer: int, message: int) -> dict[str, object]:
        """Return the stories of a message, as JSON; raise DeedError if there is no such message.

        `peer` is the marked id of the chat, as the account sees it.
        """
        copy = self._copy(account, peer, message)
        if copy is None:
            raise DeedError("this message is not there any more")
        sender = self._sandbox.world.accounts.get(copy.post.sender)
        if sender is not None and sender.is_bot:
            return self._of_bot(sender.id, copy)
        return self._of_person(copy)

    def _of_person(self, copy: Copy) -> dict[str, object]:
        stories = []
        sent = self._sent(copy)
        bots = self._bots(copy)
        for bot, its in bots[:_MAX_STORIES]:
            brought = self._causes.brought(bot, its.id, its.peer, copy.post.date)
            if brought is not None:
                story = self._causes.story(bot, brought)
                story.cause = sent
                stories.append(self._told(story))
        if stories:
            note = ""
        elif not bots:
            note = "No bot gets this message."
        else:
            note = (
                "No update with this message is recorded: the bot was not connected, or it was too long ago."
            )
        return {"sent": self._number(sent), "stories": stories, "note": note}

    def _of_bot(self, bot: int, copy: Copy) -> dict[str, object]:
        sent = self._sent(copy)
        its = copy if copy.owner < 0 else copy.twin(bot)
        stories, note = [], ""
        if sent is None:
            note = "The call that sent this message is not recorded: it was too long ago, or sent by no call."
        elif its is not None:
            brought = self._causes.answered(bot, sent, its.peer)
            if brought is None:
                note = "The bot sent this of its own accord: no update of this chat came before it."
            else:
                stories.append(self._whole(bot, brought, sent))
        if its is not None:
            presses = self._causes.presses(bot, its.id, its.peer, copy.post.date)[-_MAX_STORIES:]
            stories += [self._told(self._pressed(bot, brought), press=True) for brought in presses]
        return {"sent": self._number(sent), "stories": stories, "note": note}

    def _whole(self, bot: int, brought: Brought, sent: Record) -> dict[str, object]:
        if brought.query:
            return self._told(self._pressed(bot, brought), chosen=sent, press=True)
        story = self._causes.story(bot, brought)
        copy = self._copy(bot, brought.dialog, brought.message) if brought.message else None
        if copy is not None:
            story.cause = self._sent(copy)
        return self._told(story, chosen=sent)

    def _pressed(self, bot: int, brought: Brought) -> Story:
        story = self._causes.story(bot, brought)
        story.cause = self._causes.press(brought)
        return story

    def _told(self, story: Story, *, chosen: Record | None = None, press: bool = False) -> dict[str, object]:
        """Return a story as JSON; times are milliseconds from its start."""
        start = story.start
        brought = story.brought
        first = story.first

        def at(moment: float) -> float:
            return round((moment - start) * 1000, 3)

        told: dict[str, object] = {
            "bot": {"id": story.bot, "name": self._name_of(story.bot)},
            "press": press,
            "calls": [self._call(made.record, made.why, at, made.record is chosen) for made in story.made],
        }
        if brought is not None:
            told["update"] = {
                "number": brought.record.number,
                "name": self._readings.name(brought.record),
                "summary": self._readings.summary(brought.record),
                "session": session_of(brought.record),
                "at": at(brought.record.at),
                "late": brought.late,
                "fault": brought.record.fault,
            }
        if story.cause is not None:
            told["cause"] = {
                "number": story.cause.number,
                "name": self._readings.name(story.cause),
                "at": at(story.cause.at),
                "who": self._name_of(story.cause.account),
            }
        if first is not None:
            told["first"] = at(first.at)
            told["seen"] = at(first.at + (first.took or 0.0))
            told["sandbox"] = round(story.sandbox_until(first.at + (first.took or 0.0)) * 1000, 3)
        return told

    def _call(
        self, record: Record, why: Why, at: Callable[[float], float], chosen: bool
    ) -> dict[str, object]:
        error = "" if record.answer is None else error_of(record, self._readings.value(record.answer))
        return {
            "number": record.number,
            "name": self._readings.name(record),
            "summary": self._readings.summary(record),
            "at": at(record.at),
            "took": None if record.took is None else round(record.took * 1000, 3),
            "error": error,
            "fault": record.fault,
            "why": why.value,
            "sure": why is not Why.ORDER,
            "chosen": chosen,
        }

    def _sent(self, copy: Copy) -> Record | None:
        """Return the call that sent a message, by its random_id."""
        sender = copy.post.sender
        for each in copy.post.copies:
            if each.random_id and each.owner in (sender, copy.peer):
                return self._causes.call_with(sender, each.random_id, copy.post.date)
        return None

    def _bots(self, copy: Copy) -> list[tuple[int, Copy]]:
        """Return the bots that get a message, each with its copy."""
        world = self._sandbox.world
        if copy.owner < 0:
            chat = world.chats.get(copy.owner)
            members = [] if chat is None else list(chat.members)
            return [(member, copy) for member in members if self._is_bot(member)]
        return [(each.owner, each) for each in copy.post.copies if self._is_bot(each.owner)]

    def _is_bot(self, account: int) -> bool:
        found = self._sandbox.world.accounts.get(account)
        return found is not None and found.is_bot

    def _copy(self, account: int, peer: int, message: int) -> Copy | None:
        world = self._sandbox.world
        if peer < -CHANNEL_BASE:
            chat = world.chats.get(peer)
            return None if chat is None else chat.box.get(message)
        person = world.accounts.get(account)
        copy = None if person is None else person.box.get(message)
        return copy if copy is not None and copy.peer == peer else None

    @staticmethod
    def _number(record: Record | None) -> int | None:
        return None if record is None else record.number


def session_of(record: Record) -> str:
    """Return the session of a record as people tell it from others: the end of its id."""
    return "" if record.key is None or not record.key[1] else f"{record.key[1] & 0xFFFFFFFF:08x}"
