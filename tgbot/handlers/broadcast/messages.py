"""The messages that show how far broadcasts are: edited while they go on, also after a restart."""

from __future__ import annotations

import logging
from collections.abc import Container
from functools import partial
from typing import Final

import msgspec

from tgbot.core.broadcasterrors import BroadcastUnknownError
from tgbot.core.broadcasts import State
from tgbot.core.users import UserRegistry
from tgbot.handlers.broadcast import view
from tgbot.handlers.live import LiveMessages, Place, View
from tgbot.handlers.wording import Words
from tgbot.plugins.parts import Parts

log = logging.getLogger(__name__)

#: The name of the note.
NOTE: Final = "broadcast messages"


class Places:
    """Know which message shows which broadcast: in each chat the one that was used last.

    They are in a note, which is on disk after the next checkpoint.
    """

    def __init__(self, notes: UserRegistry) -> None:
        self._notes = notes
        #: Broadcast → chat → message.
        self._found: dict[int, dict[int, int]] = {}
        text = notes.note(NOTE)
        try:
            self._found = msgspec.json.decode(text, type=dict[int, dict[int, int]]) if text else {}
        except msgspec.DecodeError:
            log.warning("the note on messages that show broadcasts cannot be read")

    def all(self) -> list[tuple[int, Place]]:
        """Return each broadcast with each message that shows it."""
        return [
            (number, Place(chat, message))
            for number, chats in self._found.items()
            for chat, message in chats.items()
        ]

    def add(self, broadcast_id: int, place: Place) -> None:
        """Note that a message shows a broadcast, and no other one any more."""
        if not self.has(broadcast_id, place):
            self._drop(place)
            self._found.setdefault(broadcast_id, {})[place.chat] = place.message
            self._keep()

    def has(self, broadcast_id: int, place: Place) -> bool:
        """Return whether a message shows this broadcast."""
        return self._found.get(broadcast_id, {}).get(place.chat) == place.message

    def remove(self, place: Place) -> None:
        """Note that a message shows no broadcast any more."""
        if self._drop(place):
            self._keep()

    def _drop(self, place: Place) -> bool:
        for number, chats in self._found.items():
            if chats.get(place.chat) == place.message:
                del chats[place.chat]
                if not chats:
                    del self._found[number]
                return True
        return False

    def _keep(self) -> None:
        self._notes.keep_note(NOTE, msgspec.json.encode(self._found).decode())


class BroadcastMessages:
    """Show broadcasts in messages to admins, each in the admin's language."""

    def __init__(self, parts: Parts) -> None:
        self._broadcasts = parts.broadcasts
        self._texts = parts.texts
        self._users = parts.users
        self._admins: Container[int] = parts.admins
        self._clock = parts.clock
        self._live = LiveMessages(parts.client, "a broadcast", left=self.leave)
        self._places = Places(parts.users)
        #: The messages that ask whether to cancel.
        self._asking: set[Place] = set()

    def go_on(self) -> None:
        """Have the messages edited again that were when the bot ended."""
        for number, place in self._places.all():
            self._live.follow(place, partial(self._look, number, place))

    def ask_to_cancel(self, place: Place, asking: bool) -> None:
        """Have a message ask whether to cancel its broadcast, or not any more."""
        (self._asking.add if asking else self._asking.discard)(place)

    def follow(self, broadcast_id: int, place: Place, shown: View) -> None:
        """Have a message edited that shows this view of a broadcast, for as long as the broadcast is open."""
        self._places.add(broadcast_id, place)
        self._live.follow(place, partial(self._look, broadcast_id, place), shown)

    def leave(self, place: Place) -> None:
        """Have a message edited no more: it is as it stays, or shows something else."""
        self._asking.discard(place)
        self._places.remove(place)

    def progress(self, say: Words, broadcast_id: int, place: Place | None) -> View:
        """Return what a message shows of a broadcast that was started."""
        broadcast = self._broadcasts.get(broadcast_id)
        status = msgspec.convert(self._broadcasts.status(broadcast_id), view.Status)
        return view.progress(say, broadcast, status, self._clock(), asked=place in self._asking)

    def _look(self, broadcast_id: int, place: Place) -> View | None:
        if not self._places.has(broadcast_id, place) or place.chat not in self._admins:
            return None
        say = Words.to(self._texts, self._users.get(place.chat))
        try:
            broadcast = self._broadcasts.get(broadcast_id)
        except BroadcastUnknownError:
            return None
        if broadcast.state is State.DRAFT:  # it was to begin by itself, and nobody was there to get it
            return view.draft(say, broadcast, None)
        return self.progress(say, broadcast_id, place)
