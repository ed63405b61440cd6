"""What people and bot said to each other, in lines for a reader."""

from __future__ import annotations

from typing import Any

from telethon.tl import types

#: Media without a text, by their class in the schema.
_MEDIA = {
    types.MessageMediaPhoto: "photo",
    types.MessageMediaDocument: "file",
    types.MessageMediaContact: "contact",
    types.MessageMediaGeo: "location",
    types.MessageMediaVenue: "venue",
    types.MessageMediaDice: "dice",
    types.MessageMediaPoll: "poll",
}


class Transcript:
    """The lines of all dialogs of a test, in the order in which people saw them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def said(self, speaker: str, listener: str, text: str) -> None:
        """Add a message; further lines of it are indented."""
        first, *more = text.splitlines() or [""]
        head = f"{speaker} → {listener}: "
        self.lines.append(head + first)
        self.lines += [" " * len(head) + line for line in more]

    def noted(self, text: str) -> None:
        """Add what happened between the messages."""
        self.lines.append(f"({text})")


def shown(message: Any) -> str:  # Any: a message of Telethon's
    """Return a message as one reads it: media in angle brackets, the text, and its buttons in square ones."""
    media = _MEDIA.get(type(message.media), "media" if message.media else "")
    said = " ".join(part for part in (f"<{media}>" if media else "", message.raw_text or "") if part)
    rows = [" ".join(f"[{label}]" for label in row) for row in labels(message.reply_markup)]
    return "\n".join([said, *rows])


def labels(markup: Any) -> list[list[str]]:  # Any: a reply markup of the schema, or None
    """Return the labels of a keyboard, row by row."""
    return [[button.text for button in row.buttons] for row in getattr(markup, "rows", ())]
