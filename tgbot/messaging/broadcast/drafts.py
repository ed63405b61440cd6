"""Drafts of broadcasts: texts become contents, and all is checked before it is stored."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypedDict, Unpack

from msgspec.structs import replace
from telethon.extensions import BinaryReader, html, markdown
from telethon.tl import types

from tgbot.core.broadcasterrors import ContentError, ScheduleError
from tgbot.core.broadcasts import Audience, Broadcast, Content, Part
from tgbot.locales import languages
from tgbot.messaging.broadcast import buttons
from tgbot.messaging.lengths import CAPTION, TEXT, length
from tgbot.store.base import Broadcasts as Stored

_VECTOR: Final = b"\x15\xc4\xb5\x1c"


#: The longest name, in characters.
NAME_LENGTH: Final = 64
#: The lowest rate, in recipients a second.
LOWEST_RATE: Final = 0.01


class Markup(StrEnum):
    """How a text is written; a member's value is how the command line spells it."""

    #: As it is.
    PLAIN = "plain"
    #: Telethon's Markdown: **bold**, __italic__, `code`, [a link](https://example.com).
    MARKDOWN = "markdown"
    #: Telegram's HTML: <b>bold</b>, <a href="https://example.com">a link</a>.
    HTML = "html"


def text_content(text: str, markup: Markup = Markup.PLAIN) -> Content:
    """Return a text as content; raise ContentError if it is empty or longer than Telegram takes."""
    entities: Sequence[types.TypeMessageEntity] = ()
    if markup is not Markup.PLAIN:
        text, entities = (markdown if markup is Markup.MARKDOWN else html).parse(text)
    if not text.strip():
        raise ContentError("the text is empty", "write what is to be sent")
    check_length(text, TEXT)
    return Content((Part(text, packed(entities)),))


def check_length(text: str, limit: int) -> None:
    """Raise ContentError if a text is longer than Telegram takes: a whole text, or a caption."""
    if (size := length(text)) > limit:
        what = "caption" if limit == CAPTION else "text"
        raise ContentError(
            f"the {what} has {size:,} characters of {limit:,}", "shorten it: a broadcast is one message"
        )


def checked(contents: Mapping[str, Content], audience: Audience) -> dict[str, Content]:
    """Return the contents by the codes of their languages, as they are stored.

    Raise ContentError for a code that is no language, and where somebody in the audience would get nothing.
    """
    found = by_code(contents)
    if "" not in found and not (audience.languages and found.keys() >= set(audience.languages)):
        named = ", ".join(sorted(found))
        raise ContentError(
            f"it is in {named} only, and others would get nothing",
            f"add a text for everybody else, or send it to those who speak {named} (--language)",
        )
    return found


def by_code(contents: Mapping[str, Content]) -> dict[str, Content]:
    """Return the contents by codes as they are stored: lower case; "" stays.

    Raise ContentError for a code that is no language, and if there are no contents.
    """
    found: dict[str, Content] = {}
    for code, content in contents.items():
        known = languages.read(code) if code else None
        if code and known is None:
            raise ContentError(f"{code[:20]!r} is no code of a language", "give one such as ru or pt-br")
        name = str(known).lower() if known else ""
        if name in found:
            raise ContentError(f"there are two texts for {name}", "leave one of them out")
        found[name] = content
    if not found:
        raise ContentError("there is none", "give a text, or name a message to copy")
    return found


def check_buttons(content: Content, has_buttons: bool) -> None:
    """Raise ContentError for buttons under an album."""
    if has_buttons and len(content.parts) > 1:
        raise ContentError(
            "it is an album, and Telegram shows no buttons under an album",
            "leave the buttons out, or send one picture",
        )


def packed(entities: Sequence[types.TypeMessageEntity]) -> bytes:
    """Return entities as the bytes of a TL vector, b"" for none."""
    if not entities:
        return b""
    return _VECTOR + struct.pack("<i", len(entities)) + b"".join(map(bytes, entities))


def unpacked(entities: bytes) -> list[types.TypeMessageEntity] | None:
    """Return the entities in the bytes of a TL vector, None for none."""
    return list(BinaryReader(entities).tgread_vector()) if entities else None


class Fields(TypedDict, total=False):
    """What a draft has beside its contents (see `Broadcast`)."""

    audience: Audience
    #: Texts and links, in their order; see `buttons.checked`.
    buttons: Iterable[tuple[str, str]]
    name: str
    preview: bool
    silent: bool
    #: How many recipients a second get it at most, 0 for as many as the pace leaves.
    rate: float
    paid: bool
    at: int | None
    until: int | None


class Drafts:
    """Make and change drafts; raise ContentError or ScheduleError for what cannot be sent."""

    def __init__(self, stored: Stored, username: Callable[[], str], *, clock: Callable[[], float]) -> None:
        """`username` returns that of the bot, "" for none."""
        self._stored = stored
        self._username = username
        self._clock = clock

    async def create(self, contents: Mapping[str, Content], **fields: Unpack[Fields]) -> Broadcast:
        """Keep a new draft. `contents` are by language code; those of `""` are for everybody else."""
        draft = Broadcast(0, secrets.randbits(62), int(self._clock()), dict(contents))
        return await self._stored.create(self._with(draft, fields))

    async def change(
        self, draft: Broadcast, contents: Mapping[str, Content] | None, fields: Fields
    ) -> Broadcast:
        """Change a draft; what is not named stays. Each change makes another message of it."""
        changed = replace(draft, contents=dict(contents or draft.contents), revision=draft.revision + 1)
        changed = self._with(replace(changed, reason=""), fields)
        await self._stored.change(changed)
        return changed

    def _with(self, draft: Broadcast, fields: Fields) -> Broadcast:
        """Return a draft with other fields, checked."""
        if unknown := fields.keys() - Fields.__annotations__:
            raise TypeError(f"a draft has no {', '.join(sorted(unknown))}")
        given: dict[str, object] = {**fields}
        if "buttons" in fields:
            given["buttons"] = buttons.checked(fields["buttons"], self._username())
        draft = replace(draft, **given)
        _check_times(draft, int(self._clock()))
        if draft.rate < 0 or 0 < draft.rate < LOWEST_RATE:
            problem = f"its rate is {draft.rate:g} a second"
            raise ContentError(problem, f"give one of at least {LOWEST_RATE}, or 0 for no limit")
        for content in draft.contents.values():
            check_buttons(content, bool(draft.buttons))
        contents = checked(draft.contents, draft.audience)
        return replace(draft, name=draft.name[:NAME_LENGTH], contents=contents)


def _check_times(draft: Broadcast, now: int) -> None:
    """Raise ScheduleError for times at which nothing could be sent."""
    if draft.at is not None and draft.at <= now:
        raise ScheduleError("The beginning", "in the past")
    if draft.until is not None and draft.until <= max(now, draft.at or now):
        raise ScheduleError("The end", "in the past, or before the beginning")
