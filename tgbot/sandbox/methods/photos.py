"""photos.*: profile photos of users, and of bots by themselves or by who owns them."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import photos

from ..accounts import Account
from ..rpc import RpcError
from .calls import Call, Method
from .media import new_photo, profile_photo

_PAGE: Final = 100


def _whose(call: Call, request: TLRequest) -> Account:
    """Return the account whose photo is changed: the caller, or a bot that the caller owns."""
    return call.me if request.bot is None else call.own_bot(request.bot)


def upload(call: Call, request: photos.UploadProfilePhotoRequest) -> TLObject:
    account = _whose(call, request)
    if request.file is None:
        raise RpcError(400, "PHOTO_FILE_MISSING")
    photo = new_photo(call, request.file, square=True)
    call.world.profiles.set_photos(account, photo, *account.photos)
    return _answer(call, account, photo)


def update(call: Call, request: photos.UpdateProfilePhotoRequest) -> TLObject:
    """Show one of the photos first; an empty one removes the one that is shown."""
    account = _whose(call, request)
    photo = profile_photo(call, request.id)
    if photo is None:
        call.world.profiles.set_photos(account, *account.photos[1:])
    else:
        others = [each for each in account.photos if each.id != photo.id]
        call.world.profiles.set_photos(account, photo, *others)
    return _answer(call, account, photo or types.PhotoEmpty(0))


def _answer(call: Call, account: Account, photo: TLObject) -> TLObject:
    return types.photos.Photo(photo, [call.world.view.user(call.me, account)])


def delete(call: Call, request: photos.DeletePhotosRequest) -> list[int]:
    me, wanted = call.me, {getattr(given, "id", 0) for given in request.id}
    gone = [photo.id for photo in me.photos if photo.id in wanted]
    if gone:
        call.world.profiles.set_photos(me, *(photo for photo in me.photos if photo.id not in wanted))
    return gone


def get_all(call: Call, request: photos.GetUserPhotosRequest) -> TLObject:
    user = call.user(request.user_id)
    found = list(user.photos)
    start = max(request.offset, 0)
    if request.max_id:
        start = next((index for index, one in enumerate(found) if one.id == request.max_id), -1) + 1
    page = found[start:][: min(max(request.limit, 0), _PAGE)]
    users = [call.world.view.user(call.me, user)]
    if len(page) == len(found):
        return types.photos.Photos(page, users)
    return types.photos.PhotosSlice(len(found), page, users)


METHODS: Final = {
    photos.UploadProfilePhotoRequest: Method(upload),
    photos.UpdateProfilePhotoRequest: Method(update),
    photos.DeletePhotosRequest: Method(delete),
    photos.GetUserPhotosRequest: Method(get_all),
}
