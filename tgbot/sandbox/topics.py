"""Topics of forums, and of private chats with bots: what is known of one beyond the message that made it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .chats import Chat
from .dialogs import Copy

#: The id of the topic that each forum has, whatever its first message is.
GENERAL: Final = 1
#: The colours of icons that Telegram has; the first one is taken if none is chosen.
COLOURS: Final = (0x6FB9F0, 0xFFD67E, 0xCB86DB, 0x8EEE98, 0xFF93B2, 0xFB6F5F)


@dataclass(slots=True, eq=False)
class Topic:
    """A topic, the same for all who see it."""

    title: str = field(repr=False)
    colour: int
    #: The id of a custom emoji, 0 for none.
    icon: int
    creator: int
    date: int
    #: Whether its title was not chosen by anybody.
    title_missing: bool = False
    #: Whether only admins write in it.
    closed: bool = False
    #: Whether it is not in the list; only the general topic can be hidden.
    hidden: bool = False
    pinned: bool = False


class Topics:
    """All topics by their root: the service message that made one, under each of its ids."""

    def __init__(self) -> None:
        self._topics: dict[tuple[int, int], Topic] = {}

    def of(self, root: Copy) -> Topic:
        """Return the topic of a root, which all copies of the message share."""
        found = self._topics.get((root.owner, root.id))
        if found is None:
            post, action = root.post, root.post.action
            found = Topic(
                getattr(action, "title", ""),
                getattr(action, "icon_color", COLOURS[0]),
                getattr(action, "icon_emoji_id", None) or 0,
                post.sender,
                post.date,
                title_missing=bool(getattr(action, "title_missing", False)),
            )
            for copy in post.copies:
                self._topics[copy.owner, copy.id] = found
        return found

    def general(self, forum: Chat) -> Topic:
        """Return the general topic of a forum."""
        key = forum.marked, GENERAL
        if key not in self._topics:
            self._topics[key] = Topic("General", COLOURS[0], 0, forum.creator, forum.date)
        return self._topics[key]
