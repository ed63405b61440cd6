"""Which send of a replayed update had gone out before: told by what a difference says of our own messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """A message of our own that a difference held: its chat (marked id), its id and what tells it apart.

    `content` is the text, or the kind of media where there is no text; `message` is handed back as it came.
    """

    chat_id: int
    id: int
    content: str
    reply_to: int | None
    message: Any


def derive_random_id(bot_id: int, update: str, chat_id: int, nth: int) -> int:
    """Return the random_id of the `nth` send to a chat while an update is handled: always the same, never 0.

    A signed 64-bit integer, spread evenly. `update` names the update for good: the same after a restart.
    """
    text = f"{bot_id}:{update}:{chat_id}:{nth}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True) or 1


class Replies:
    """Own messages read out of differences, each handed out at most once.

    `add` takes one difference (or one slice). `by_random_id` finds the copy of a send whose random_id the
    difference gave; `by_content` is for differences that give no random_id at all. `clear` forgets all of
    them, when no replayed send can lie that far back any more. All operations but `by_content` take constant
    time; that one looks through the own messages of one chat.
    """

    def __init__(self) -> None:
        self._by_random_id: dict[int, OwnMessage] = {}
        self._nameless: dict[int, deque[OwnMessage]] = {}

    def __len__(self) -> int:
        return len(self._by_random_id) + sum(map(len, self._nameless.values()))

    def add(self, own: Iterable[OwnMessage], random_ids: dict[int, int]) -> None:
        """Take in the own messages of a difference, in the order of their ids, and {message id: random_id}.

        Message ids are per account here, so a private chat's id is enough to find its random_id. Messages
        without one are matched by content only where the difference gave none at all.
        """
        for message in own:
            random_id = random_ids.get(message.id)
            if random_id is not None:
                self._by_random_id[random_id] = message
            elif not random_ids:
                self._nameless.setdefault(message.chat_id, deque()).append(message)

    def by_random_id(self, random_id: int) -> OwnMessage | None:
        """Return the message that a send with this random_id had become, once."""
        return self._by_random_id.pop(random_id, None)

    def by_content(
        self, chat_id: int, content: str, reply_to: int | None, *, after: int
    ) -> OwnMessage | None:
        """Return the next own message of a chat above the id `after` with this content and reply, once.

        `after` is the incoming message's id. Own messages that answered something else (those at or below
        the last one known when the dialog last finished an update) must not have been added.
        """
        messages = self._nameless.get(chat_id)
        if not messages:
            return None
        for index, message in enumerate(messages):
            if message.id > after and message.content == content and message.reply_to == reply_to:
                del messages[index]
                if not messages:
                    del self._nameless[chat_id]
                return message
        return None

    def trim(self, limit: int) -> None:
        """Forget the oldest, down to `limit` messages with a random_id, and all without."""
        self._nameless.clear()
        while len(self._by_random_id) > limit:
            del self._by_random_id[next(iter(self._by_random_id))]

    def clear(self) -> None:
        """Forget everything."""
        self._by_random_id.clear()
        self._nameless.clear()
