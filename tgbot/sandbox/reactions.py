"""The reactions to one message: who chose which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from telethon.tl import types

#: The emoji that may be reactions, without their variation selectors.
EMOJI: Final = frozenset(
    [
        "👍",
        "👎",
        "❤",
        "🔥",
        "🥰",
        "👏",
        "😁",
        "🤔",
        "🤯",
        "😱",
        "🤬",
        "😢",
        "🎉",
        "🤩",
        "🤮",
        "💩",
        "🙏",
        "👌",
        "🕊",
        "🤡",
        "🥱",
        "🥴",
        "😍",
        "🐳",
        "❤\u200d🔥",
        "🌚",
        "🌭",
        "💯",
        "🤣",
        "⚡",
        "🍌",
        "🏆",
        "💔",
        "🤨",
        "😐",
        "🍓",
        "🍾",
        "💋",
        "🖕",
        "😈",
        "😴",
        "😭",
        "🤓",
        "👻",
        "👨\u200d💻",
        "👀",
        "🎃",
        "🙈",
        "😇",
        "😨",
        "🤝",
        "✍",
        "🤗",
        "🫡",
        "🎅",
        "🎄",
        "☃",
        "💅",
        "🤪",
        "🗿",
        "🆒",
        "💘",
        "🙉",
        "🦄",
        "😘",
        "💊",
        "🙊",
        "😎",
        "👾",
        "🤷\u200d♂",
        "🤷",
        "🤷\u200d♀",
        "😡",
    ]
)
#: How many of the last reactions a message names.
_RECENT: Final = 3


@dataclass(frozen=True, slots=True)
class Given:
    """The reactions of one account to one message."""

    emoji: tuple[str, ...]
    date: int
    big: bool = False


class Reactions:
    """The reactions to one message, by account; those that came last at the end."""

    __slots__ = ("given",)

    def __init__(self) -> None:
        self.given: dict[int, Given] = {}

    def counts(self) -> Counter[str]:
        """Return how often each emoji was chosen, the most frequent first."""
        return Counter(emoji for each in self.given.values() for emoji in each.emoji)

    def shown(self, viewer: int, *, listed: bool) -> types.MessageReactions:
        """Build the reactions as one account sees them; with `listed`, they name who reacted."""
        mine = self.given[viewer].emoji if viewer in self.given else ()
        return types.MessageReactions(
            [
                types.ReactionCount(
                    reaction(emoji), count, chosen_order=mine.index(emoji) if emoji in mine else None
                )
                for emoji, count in self.counts().most_common()
            ],
            can_see_list=listed or None,
            recent_reactions=list(self.listed(viewer))[:_RECENT] if listed else None,
        )

    def listed(self, viewer: int, emoji: str | None = None) -> Iterator[types.MessagePeerReaction]:
        """Yield who reacted with what, or with one emoji, the last first."""
        for number, given in reversed(self.given.items()):
            for each in given.emoji:
                if emoji is None or each == emoji:
                    yield types.MessagePeerReaction(
                        types.PeerUser(number),
                        given.date,
                        reaction(each),
                        big=given.big or None,
                        my=number == viewer or None,
                    )


def reaction(emoji: str) -> types.ReactionEmoji:
    """Build the TL form of a reaction."""
    return types.ReactionEmoji(emoji)
