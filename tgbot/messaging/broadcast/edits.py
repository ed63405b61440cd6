"""What an edit makes of a broadcast: new contents and buttons for what was delivered, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace
from telethon.tl import types

from tgbot.core.broadcasterrors import ContentError
from tgbot.core.broadcasts import Action, Broadcast, Button, Content, Part
from tgbot.messaging.broadcast.content import media_of
from tgbot.messaging.broadcast.drafts import by_code, check_buttons, check_length
from tgbot.messaging.lengths import CAPTION, TEXT

#: What Telegram puts into a message that is there: photos and files.
_MEDIA: Final = (types.InputMediaPhoto, types.InputMediaDocument)
#: An edit of the buttons alone.
_BUTTONS_ONLY: Final = Content()


def edited(
    broadcast: Broadcast, contents: Mapping[str, Content], buttons: tuple[Button, ...] | None
) -> Broadcast:
    """Return a broadcast whose delivered messages are edited to these contents, whose parts are known.

    What was sent in a language gets the content of the same language, else the one of `""`, else its text
    stays. `buttons` None: they stay. A text replaces the caption of a picture or file, which itself stays; of
    an album, the caption of its first part. What is still to be sent, because it was late, is sent as edited.
    Raise ContentError for what Telegram cannot make of the messages.
    """
    if not contents and buttons is None:
        raise ContentError("there is none", "give a text, a message to copy, or buttons")
    given = by_code(contents) if contents else {}
    if unsent := given.keys() - {"", *broadcast.languages}:
        raise ContentError(f"nothing was sent in {', '.join(sorted(unsent))}", "leave it out")
    kept = broadcast.buttons if buttons is None else buttons
    sent, edits = dict(broadcast.contents), {}
    for code in broadcast.languages:
        new = given.get(code, given.get(""))
        if new is not None:
            edits[code] = new
            sent[code] = _after(sent[code], new)
        elif buttons is not None:
            edits[code] = _BUTTONS_ONLY
        if code in edits:
            check_buttons(sent[code], bool(kept))
    return replace(broadcast, action=Action.EDIT, contents=sent, edits=edits, buttons=kept)


def _after(old: Content, new: Content) -> Content:
    """Return what a recipient has who got a content and sees it edited to another."""
    if len(new.parts) != 1:
        raise ContentError("the new content is an album", "give a text or one picture")
    (part,) = new.parts
    first, *others = old.parts
    if part.media:
        if others:
            raise ContentError(
                "an album was sent, and its pictures stay", "give a text: it becomes the caption"
            )
        if not isinstance(media_of(part), _MEDIA):
            raise ContentError(
                "Telegram puts only pictures, videos and other files into a message that was sent",
                "give one of those, or a text",
            )
    media = part.media or first.media
    check_length(part.text, CAPTION if media else TEXT)
    source = new.source if part.media else old.source
    return Content((Part(part.text, part.entities, media), *others), source)
