"""Profile photos over the wire, with plain Telethon."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any

from PIL import Image
from telethon.tl import types
from telethon.tl.functions import photos, users

from tests.patience import PATIENCE
from tests.pictures import jpeg
from tests.sandbox.answers import refused
from tests.sandbox.conftest import Person, PlainBot
from tgbot.sandbox.server import Sandbox


async def upload(client: Any, number: int, **options: Any) -> Any:
    file = await client.upload_file(jpeg(90, 60, number), file_name="a.jpg")
    answer = await client(photos.UploadProfilePhotoRequest(file=file, **options))
    return answer.photo


async def test_a_photo_of_a_user_is_told_shown_and_downloaded(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    ann = await person("Ann")
    bot = await plain_bot(sandbox.new_bot("the_bot").token)
    told = asyncio.Event()

    async def note(update: Any) -> None:
        if isinstance(update, types.UpdateUser) and update.user_id == me:
            told.set()

    me = (await ann.get_me()).id
    await ann.send_message("the_bot", "hello")
    bot.add_event_handler(note)
    await bot.get_me()
    first, second = await upload(ann, 1), await upload(ann, 2)
    async with asyncio.timeout(PATIENCE):
        await told.wait()
    user = await bot.get_entity(me)
    assert (user.photo.photo_id, user.photo.stripped_thumb[0]) == (second.id, 1)
    for big, side in ((False, 160), (True, 640)):
        content = await bot.download_profile_photo(user, bytes, download_big=big)
        assert Image.open(BytesIO(content)).size == (side, side)
    assert [photo.id for photo in await bot.get_profile_photos(me)] == [second.id, first.id]
    full = await bot(users.GetFullUserRequest(await bot.get_input_entity(me)))
    assert full.full_user.profile_photo.id == second.id
    known = types.InputPhoto(first.id, first.access_hash, first.file_reference)
    await ann(photos.UpdateProfilePhotoRequest(known))
    assert [photo.id for photo in await ann.get_profile_photos("me")] == [first.id, second.id]
    assert await ann(photos.DeletePhotosRequest([known, types.InputPhotoEmpty()])) == [first.id]
    await ann(photos.UpdateProfilePhotoRequest(types.InputPhotoEmpty()))
    assert (await bot.get_entity(me)).photo is None
    assert await bot.get_profile_photos(me) == []


async def test_photos_are_listed_in_pages(person: Person) -> None:
    ann = await person("Ann")
    made = [(await upload(ann, number)).id for number in range(3)][::-1]
    me = types.InputUserSelf()
    for offset, max_id, limit, expected in (
        (1, 0, 1, made[1:2]),
        (0, made[0], 9, made[1:]),
        (-(2**31), 0, 2, made[:2]),
        (0, 0, -1, []),
        (2**31 - 1, 0, 9, []),
    ):
        answer = await ann(photos.GetUserPhotosRequest(me, offset, max_id, limit))
        assert ([photo.id for photo in answer.photos], answer.count) == (expected, 3)


async def test_a_bot_has_a_photo_of_its_own_or_of_who_owns_it(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot
) -> None:
    ann, ben = await person("Ann"), await person("Ben")
    token = sandbox.new_bot("the_bot")
    bot = await plain_bot(token.token)
    its = await upload(bot, 1)
    assert (await ann.get_entity("the_bot")).photo.photo_id == its.id
    profile = sandbox.world.accounts[token.id].profile
    assert profile is not None
    profile.owner = (await ann.get_me()).id
    mine = await upload(ann, 2, bot=await ann.get_input_entity("the_bot"))
    assert (await ben.get_entity("the_bot")).photo.photo_id == mine.id
    with refused("BOT_INVALID"):
        await upload(ben, 3, bot=await ben.get_input_entity("the_bot"))
    with refused("IMAGE_PROCESS_FAILED"):
        file = await bot.upload_file(b"no picture", file_name="a.jpg")
        await bot(photos.UploadProfilePhotoRequest(file=file))
    with refused("PHOTO_FILE_MISSING"):
        await bot(photos.UploadProfilePhotoRequest())
