"""`/link`, for admins: links that begin a chat with the bot or add it to one, also as a QR code."""

from __future__ import annotations

import asyncio
import io
from typing import Final

from telethon import events

from tgbot.core.commands import Command
from tgbot.core.errors import LinkError
from tgbot.core.links import BotLink, LinkKind, bot_link, rights_in, sign
from tgbot.core.names import usernames_of
from tgbot.core.users import User
from tgbot.handlers.commands import on_command
from tgbot.handlers.photos import photo
from tgbot.handlers.wording import Words
from tgbot.plugins.parts import Parts

_KINDS: Final = {
    **{kind.value: kind for kind in LinkKind},
    "group": LinkKind.GROUP,
    "channel": LinkKind.CHANNEL,
}


def register(parts: Parts) -> None:
    """Register the command, for `parts.admins`."""
    answer = parts.sender.answer

    async def make(event: events.NewMessage.Event, command: Command, user: User | None, say: Words) -> None:
        words = command.args.split()
        if not words:
            await answer(event, say("link-usage"))
            return
        names = usernames_of(parts.client.me)
        if not names:
            await answer(event, say("link-no-name"))
            return
        picture = words[0].lower() == "qr"
        try:
            link = _link(names[0], words[picture:], parts.payload_key)
        except LinkError as error:
            await answer(event, say("link-unreadable", reason=str(error)))
            return
        text = say("link-made", web=link.web, app=link.app)
        if link.typed is not None:
            text += "\n" + say("link-typed", typed=link.typed)
        if picture:
            drawn = await asyncio.to_thread(_picture, link.web)
            await answer(event, text, file=await photo(parts.client, drawn, "link.png"))
        else:
            await answer(event, text, link_preview=False)

    on_command(parts, ("link",), make, only=parts.admins)


def _link(bot: str, words: list[str], key: bytes) -> BotLink:
    """Return the link that these words ask for; raise LinkError if they do not make sense."""
    name, *rest = words or [""]
    name = name.lower()
    if name == "sign" and len(rest) == 1:
        return bot_link(LinkKind.START, bot, sign(rest[0], key))
    kind = _KINDS.get(name)
    if kind is None or (kind is LinkKind.START and len(rest) > 1):
        raise LinkError(
            " ".join(words)[:80], "not one of start, group, channel, sign with what belongs to it"
        )
    if kind is LinkKind.CHANNEL:
        return bot_link(kind, bot, rights=rights_in(" ".join(rest)))
    payload = "" if not rest or rest[0] == "-" else rest[0]  # A hyphen stands for none if rights follow.
    return bot_link(kind, bot, payload, rights_in(" ".join(rest[1:])))


def _picture(link: str) -> bytes:
    # Imported here: few bots make QR codes.
    import segno

    picture = io.BytesIO()
    segno.make_qr(link, error="m").save(picture, kind="png", scale=8, border=4)
    return picture.getvalue()
