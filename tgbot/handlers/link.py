"""`/link`, for admins: links that begin a chat with the bot or add it to one, also as a QR code."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Collection
from typing import Any

from tgbot.core.errors import LinkError
from tgbot.core.links import channel_link, group_link, pack, start_link
from tgbot.core.users import User, UserRegistry
from tgbot.handlers.commands import on_command
from tgbot.locales.texts import Texts
from tgbot.messaging.resolve import usernames_of
from tgbot.messaging.sender import Sender

#: Stands for no payload where rights follow.
_NONE = "-"


def register(
    client: Any,
    *,
    users: UserRegistry,
    sender: Sender,
    texts: Texts,
    admins: Collection[int],
    payload_key: bytes,
    **_: Any,
) -> None:
    """Registers the command, for these user ids; `payload_key` signs payloads (`links.signing_key`)."""

    async def told(event: Any, user: User | None, language: str | None) -> None:
        words = (event.pattern_match[2] or "").split()
        if not words:
            await sender.answer(event, texts.render(language, "link-usage"))
            return
        names = usernames_of(client.me)
        if not names:
            await sender.answer(event, texts.render(language, "link-no-name"))
            return
        picture = words[0].lower() == "qr"
        try:
            web, app, typed = _links(names[0], words[picture:], payload_key)
        except LinkError as error:
            await sender.answer(event, texts.render(language, "link-unreadable", reason=str(error)))
            return
        text = texts.render(language, "link-told", web=web, app=app)
        if typed is not None:
            text += "\n" + texts.render(language, "link-typed", typed=typed)
        if picture:
            await sender.answer(event, text, file=await asyncio.to_thread(_picture, web))
        else:
            await sender.answer(event, text, link_preview=False)

    if admins:
        allowed = frozenset(admins)
        on_command(client, users, "link", told, only=allowed)


def _links(bot: str, words: list[str], key: bytes) -> tuple[str, str, str | None]:
    """A link for browsers, one for the app, and what to type instead."""
    kind, *rest = words or [""]
    kind = kind.lower()
    if kind == "sign" and len(rest) == 1:
        value = int(rest[0]) if rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 19 else rest[0]
        # A number that begins with 0 would come back without it.
        kind, rest = "start", [pack(rest[0] if str(value) != rest[0] else value, key=key)]
    payload = "" if not rest or rest[0] == _NONE else rest[0]
    if kind == "start" and len(rest) <= 1:
        web, app = (start_link(bot, payload, app=app) for app in (False, True))
        return web, app, f"/start {payload}".rstrip()
    if kind in ("group", "startgroup"):
        web, app = (group_link(bot, payload, tuple(rest[1:]), app=app) for app in (False, True))
        return web, app, f"/start@{bot} {payload}".rstrip()
    if kind in ("channel", "startchannel"):
        web, app = (channel_link(bot, tuple(rest), app=app) for app in (False, True))
        return web, app, None
    raise LinkError(" ".join(words)[:80], "not one of start, group, channel, sign with what belongs to it")


def _picture(link: str) -> io.BytesIO:
    # Imported here: nobody else needs it.
    import segno

    found = io.BytesIO()
    segno.make_qr(link, error="m").save(found, kind="png", scale=8, border=4)
    found.seek(0)
    found.name = "link.png"
    return found
