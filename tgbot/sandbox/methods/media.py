"""Media and upload.*: from InputMedia to the media of a message, uploads and downloads."""

from __future__ import annotations

from hashlib import md5
from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages, upload

from ..dialogs import PerViewer
from ..files import StoredFile, check_range
from ..rpc import RpcError
from .calls import Call, Method, Open
from .polls import new_poll

_DICE: Final = {"🎲": 6, "🎯": 6, "🏀": 5, "⚽": 5, "🎳": 6, "🎰": 64}


def as_message_media(call: Call, given: TLObject) -> TLObject | PerViewer:
    """Return the MessageMedia of an InputMedia, which has passed `abilities.refuse_undone`."""
    if isinstance(given, types.InputMediaPoll):
        return new_poll(call, given)
    if isinstance(given, types.InputMediaContact):
        account = call.world.accounts.by_phone(given.phone_number.removeprefix("+"))
        return types.MessageMediaContact(
            given.phone_number, given.first_name, given.last_name, given.vcard, account.id if account else 0
        )
    if isinstance(given, types.InputMediaUploadedPhoto):
        return types.MessageMediaPhoto(photo=_new_photo(call, given.file), spoiler=given.spoiler)
    if isinstance(given, types.InputMediaUploadedDocument):
        return types.MessageMediaDocument(document=_new_document(call, given), spoiler=given.spoiler)
    if isinstance(given, types.InputMediaPhoto):
        stored = known_file(call, given.id)
        return types.MessageMediaPhoto(photo=stored.value, spoiler=given.spoiler)
    if isinstance(given, types.InputMediaDocument):
        stored = known_file(call, given.id)
        return types.MessageMediaDocument(document=stored.value, spoiler=given.spoiler)
    if isinstance(given, types.InputMediaGeoPoint):
        return types.MessageMediaGeo(_geo(call, given.geo_point))
    if isinstance(given, types.InputMediaVenue):
        place = (given.title, given.address, given.provider, given.venue_id, given.venue_type)
        return types.MessageMediaVenue(_geo(call, given.geo_point), *place)
    if isinstance(given, types.InputMediaDice):
        sides = _DICE.get(given.emoticon.rstrip("\ufe0f"))
        if sides is None:
            raise RpcError(400, "EMOTICON_INVALID")
        return types.MessageMediaDice(call.world.random.randint(1, sides), given.emoticon)
    raise RpcError(400, "MEDIA_EMPTY")


def _geo(call: Call, point: TLObject) -> TLObject:
    if not isinstance(point, types.InputGeoPoint):
        raise RpcError(400, "GEO_POINT_INVALID")
    return types.GeoPoint(point.long, point.lat, _number(call), point.accuracy_radius)


def _number(call: Call) -> int:
    return call.world.random.getrandbits(62) or 1


def known_file(call: Call, given: TLObject) -> StoredFile:
    return call.world.files.get(given.id, given.access_hash, given.file_reference, "MEDIA_EMPTY")


def _upload(call: Call, file: TLObject) -> bytes:
    content = call.world.files.finish(call.me.id, file.id, file.parts)
    given = getattr(file, "md5_checksum", "")
    if given and given != md5(content, usedforsecurity=False).hexdigest():
        raise RpcError(400, "MD5_CHECKSUM_INVALID")
    return content


def _new_photo(call: Call, file: TLObject) -> TLObject:
    content = _upload(call, file)
    sizes = [types.PhotoSize("x", 800, 600, len(content))]
    world = call.world
    home = world.number(call.me.home)
    photo = types.Photo(_number(call), _number(call), world.files.reference, world.date(), sizes, home)
    world.files.store(photo, content)
    return photo


def _new_document(call: Call, given: TLObject) -> TLObject:
    content = _upload(call, given.file)
    preview = _upload(call, given.thumb) if given.thumb else b""
    world = call.world
    attributes = list(given.attributes)
    if given.file.name and not any(isinstance(each, types.DocumentAttributeFilename) for each in attributes):
        attributes.append(types.DocumentAttributeFilename(given.file.name))
    document = types.Document(
        _number(call),
        _number(call),
        world.files.reference,
        world.date(),
        given.mime_type,
        len(content),
        world.number(call.me.home),
        attributes,
        thumbs=[types.PhotoSize("m", 320, 240, len(preview))] if preview else None,
    )
    world.files.store(document, content, preview)
    return document


def upload_media(call: Call, request: messages.UploadMediaRequest) -> TLObject:
    shown = as_message_media(call, request.media)
    if isinstance(shown, PerViewer):
        raise RpcError(400, "MEDIA_INVALID")
    return shown


def save_part(call: Call, request: upload.SaveFilePartRequest | upload.SaveBigFilePartRequest) -> bool:
    call.world.files.save_part(call.me.id, request.file_id, request.file_part, request.bytes)
    return True


def get_file(call: Call, request: upload.GetFileRequest) -> TLObject:
    location = request.location
    if not isinstance(location, types.InputDocumentFileLocation | types.InputPhotoFileLocation):
        raise RpcError(400, "LOCATION_INVALID")
    check_range(request.offset, request.limit, precise=bool(request.precise))
    given = location.id, location.access_hash, location.file_reference
    stored = call.world.files.get(*given, "FILE_REFERENCE_EXPIRED")
    if stored.value.dc_id != call.world.number(call.login.dc_id):
        raise RpcError(303, f"FILE_MIGRATE_{stored.value.dc_id}")
    content = stored.read(location.thumb_size)[request.offset :]
    return types.upload.File(types.storage.FileUnknown(), call.world.date(), content[: request.limit])


METHODS: Final = {
    messages.UploadMediaRequest: Method(upload_media),
    upload.SaveFilePartRequest: Method(save_part, Open.BOTH),
    upload.SaveBigFilePartRequest: Method(save_part, Open.BOTH),
    upload.GetFileRequest: Method(get_file, Open.BOTH),
}
