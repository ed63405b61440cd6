"""Pictures that the bot has made, as photos."""

from __future__ import annotations

from telethon.tl import types

from tgbot.telegram import BotClient


async def photo(client: BotClient, picture: bytes, name: str) -> types.InputMediaUploadedPhoto:
    """Upload a picture, and return it as a photo to send.

    Where Pillow is installed, Telethon would decode and pack a picture anew, and keep everybody waiting.
    """
    return types.InputMediaUploadedPhoto(await client.upload_file(picture, file_name=name))
