"""Work ahead of a call: large pictures are scaled in a thread, and what a URL names is fetched.

The call is carried out afterwards and finds the result in `Files.prepared`. So all that a call changes is
changed at once, in its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import channels, messages, photos

from ..abilities import undone
from ..fetching import Fetched, fetch
from ..files import Files
from ..pictures import MAX_BYTES, Picture, is_large, picture
from ..rpc import Caller, Later, RpcError
from ..world import FOREVER, World
from .results import sends_content

#: The calls that can hold such a medium.
_CALLS: Final = (
    channels.EditPhotoRequest,
    messages.EditChatPhotoRequest,
    messages.EditMessageRequest,
    messages.SendMediaRequest,
    messages.SendMultiMediaRequest,
    messages.SetInlineBotResultsRequest,
    messages.UploadMediaRequest,
    photos.UploadProfilePhotoRequest,
)
#: Limits of what is fetched, as in the Bot API.
_PHOTO_BYTES: Final = 5 * 1024 * 1024
_DOCUMENT_BYTES: Final = 20 * 1024 * 1024
_Work = Callable[[], Awaitable[object]]


def prepare(world: World, caller: Caller, request: TLRequest) -> Later | None:
    """Begin the work that a call needs and return when it is done; return None if it needs none.

    The answer of the `Later` says nothing: a failure is raised by the call itself.
    """
    account = caller.login.account
    if account is None or not isinstance(request, _CALLS) or next(undone(request), None) is not None:
        return None
    work = dict(_work(world.files, account, request))
    if not work:
        return None
    done = Later(FOREVER)
    world.files.expect(asyncio.ensure_future(_all(world.files, work)), lambda: done.answer(None))
    return done


async def _all(files: Files, work: dict[object, _Work]) -> None:
    for key, make in work.items():
        try:
            result = await make()
        except RpcError as error:
            result = error
        files.prepare(key, result)


def _work(files: Files, account: int, request: TLRequest) -> Iterator[tuple[object, _Work]]:
    profile = isinstance(
        request, photos.UploadProfilePhotoRequest | channels.EditPhotoRequest | messages.EditChatPhotoRequest
    )
    for part in _parts(request):
        if isinstance(part, types.InputFile | types.InputFileBig):
            content = files.peek(account, part.id)
            if len(content) <= MAX_BYTES and is_large(content):
                yield (account, part.id), _scaling(content, square=profile)
        elif isinstance(part, types.InputMediaPhotoExternal):
            yield (account, part.url), _photo_at(part.url)
        elif isinstance(part, types.InputBotInlineResult):
            if sends_content(part):
                at = _photo_at if part.type == "photo" else _document_at
                yield (account, part.content.url), at(part.content.url)
        elif isinstance(part, types.InputMediaDocumentExternal):
            yield (account, part.url), _document_at(part.url)


def _parts(value: object) -> Iterator[TLObject]:
    """Yield the TL objects in a call."""
    for part in vars(value).values():
        for each in part if isinstance(part, list) else [part]:
            if isinstance(each, TLObject):
                yield each
                yield from _parts(each)


def _scaling(content: bytes, *, square: bool) -> _Work:
    return lambda: asyncio.to_thread(picture, content, square=square)


def _photo_at(url: str) -> _Work:
    async def work() -> Picture:
        found = await fetch(url, _PHOTO_BYTES)
        try:
            return await asyncio.to_thread(picture, found.content)
        except RpcError as error:
            if error.name == "IMAGE_PROCESS_FAILED":
                raise RpcError(400, "WEBPAGE_MEDIA_EMPTY") from error
            raise

    return work


def _document_at(url: str) -> Callable[[], Awaitable[Fetched]]:
    return lambda: fetch(url, _DOCUMENT_BYTES)
