"""Media and upload.*: from InputMedia to the media of a message, uploads and downloads."""

from __future__ import annotations

import gzip
from hashlib import md5
from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages, upload

from ..accounts import Account
from ..dialogs import PerViewer, Post
from ..fetching import Fetched
from ..files import StoredFile, check_range
from ..pictures import Picture, picture
from ..rpc import RpcError
from .calls import Call, Method, Open
from .payments import new_bill
from .polls import new_poll

#: Documents of these types have previews of their own.
_PICTURES: Final = ("image/jpeg", "image/png", "image/webp", "image/gif")
#: A picture of one transparent pixel, as WebP.
_BLANK: Final = bytes.fromhex("524946461a000000574542505650384c0d0000002f00000010071011118888fe0700")
#: An animation of one empty frame: Lottie, packed.
_STILL: Final = gzip.compress(
    b'{"v":"5.5.2","fr":60,"ip":0,"op":1,"w":512,"h":512,"ddd":0,"assets":[],"layers":[]}', mtime=0
)
_DICE: Final = {"🎲": 6, "🎯": 6, "🏀": 5, "⚽": 5, "🎳": 6, "🎰": 64}


#: For how many seconds a live place may move, and what stands for no end.
_SHORTEST_LIVE: Final = 60
_LONGEST_LIVE: Final = 86400
_NO_END: Final = 0x7FFFFFFF


def as_message_media(call: Call, given: TLObject) -> TLObject | PerViewer:
    """Return the MessageMedia of an InputMedia, which has passed `abilities.refuse_undone`."""
    if isinstance(given, types.InputMediaInvoice):
        return new_bill(call, given)
    if isinstance(given, types.InputMediaPoll):
        return new_poll(call, given)
    if isinstance(given, types.InputMediaContact):
        account = call.world.accounts.by_phone(given.phone_number.removeprefix("+"))
        return types.MessageMediaContact(
            given.phone_number, given.first_name, given.last_name, given.vcard, account.id if account else 0
        )
    if isinstance(given, types.InputMediaUploadedPhoto):
        return types.MessageMediaPhoto(photo=new_photo(call, given.file), spoiler=given.spoiler)
    if isinstance(given, types.InputMediaUploadedDocument):
        return types.MessageMediaDocument(document=_new_document(call, given), spoiler=given.spoiler)
    if isinstance(given, types.InputMediaPhoto):
        stored = known_file(call, given.id)
        return types.MessageMediaPhoto(photo=stored.value, spoiler=given.spoiler)
    if isinstance(given, types.InputMediaDocument):
        stored = known_file(call, given.id)
        return types.MessageMediaDocument(document=stored.value, spoiler=given.spoiler)
    if isinstance(given, types.InputMediaPhotoExternal | types.InputMediaDocumentExternal):
        return _external(call, given)
    if isinstance(given, types.InputMediaGeoPoint):
        return types.MessageMediaGeo(place(call, given.geo_point))
    if isinstance(given, types.InputMediaGeoLive):
        return live_place(given, place(call, given.geo_point))
    if isinstance(given, types.InputMediaVenue):
        about = (given.title, given.address, given.provider, given.venue_id, given.venue_type)
        return types.MessageMediaVenue(place(call, given.geo_point), *about)
    if isinstance(given, types.InputMediaDice):
        sides = _DICE.get(given.emoticon.rstrip("\ufe0f"))
        if sides is None:
            raise RpcError(400, "EMOTICON_INVALID")
        return types.MessageMediaDice(call.world.random.randint(1, sides), given.emoticon)
    raise RpcError(400, "MEDIA_EMPTY")


def place(call: Call, point: TLObject) -> types.GeoPoint:
    """Return a place on the earth; raise GEO_POINT_INVALID for any other."""
    if not isinstance(point, types.InputGeoPoint):
        raise RpcError(400, "GEO_POINT_INVALID")
    # A number that is none compares as neither.
    if not (-90 <= point.lat <= 90 and -180 <= point.long <= 180):
        raise RpcError(400, "GEO_POINT_INVALID")
    return types.GeoPoint(point.long, point.lat, _number(call), point.accuracy_radius)


def live_place(given: TLObject, geo: types.GeoPoint) -> types.MessageMediaGeoLive:
    """Return a place that its sender moves for a time; raise MEDIA_INVALID for a time that is none."""
    period = given.period or 0
    if not (_SHORTEST_LIVE <= period <= _LONGEST_LIVE or period == _NO_END):
        raise RpcError(400, "MEDIA_INVALID")
    return types.MessageMediaGeoLive(
        geo, period, heading=given.heading, proximity_notification_radius=given.proximity_notification_radius
    )


def moved(call: Call, post: Post, given: types.InputMediaGeoLive) -> types.MessageMediaGeoLive:
    """Return the live place of a message after a move, or at its end; raise an RPC error if it has ended."""
    was, since = post.media, call.world.date() - post.date
    if not isinstance(was, types.MessageMediaGeoLive):
        raise RpcError(400, "MEDIA_PREV_INVALID")
    if was.period != _NO_END and since >= was.period:
        raise RpcError(400, "MESSAGE_NOT_MODIFIED")
    stays = isinstance(given.geo_point, types.InputGeoPointEmpty)
    geo = was.geo if stays else place(call, given.geo_point)
    if given.stopped:
        return types.MessageMediaGeoLive(geo, max(since, 1))
    if stays:
        raise RpcError(400, "GEO_POINT_INVALID")
    period = given.period or was.period
    return live_place(
        types.InputMediaGeoLive(
            given.geo_point,
            heading=given.heading,
            period=period,
            proximity_notification_radius=given.proximity_notification_radius,
        ),
        geo,
    )


def _number(call: Call) -> int:
    return call.world.random.getrandbits(62) or 1


def known_file(call: Call, given: TLObject) -> StoredFile:
    """Return the file of an InputPhoto or InputDocument; raise MEDIA_EMPTY for unknown ones."""
    if not isinstance(given, types.InputPhoto | types.InputDocument):
        raise RpcError(400, "MEDIA_EMPTY")
    return call.world.files.get(given.id, given.access_hash, given.file_reference, "MEDIA_EMPTY")


def _upload(call: Call, file: TLObject) -> bytes:
    content = call.world.files.finish(call.me.id, file.id, file.parts)
    given = getattr(file, "md5_checksum", "")
    if given and given != md5(content, usedforsecurity=False).hexdigest():
        raise RpcError(400, "MD5_CHECKSUM_INVALID")
    return content


def chat_photo(call: Call, given: TLObject) -> types.Photo | None:
    """Return the photo of a chat that an InputChatPhoto names, None for an empty one."""
    if isinstance(given, types.InputChatPhotoEmpty):
        return None
    if isinstance(given, types.InputChatUploadedPhoto):
        if given.file is None:
            raise RpcError(400, "PHOTO_CROP_FILE_MISSING")
        return new_photo(call, given.file, square=True)
    return profile_photo(call, given.id)


def profile_photo(call: Call, given: TLObject) -> types.Photo | None:
    """Return the photo of an InputPhoto, cut to what profiles have; None for an empty one."""
    if not isinstance(given, types.InputPhoto):
        return None
    stored = call.world.files.get(given.id, given.access_hash, given.file_reference, "PHOTO_ID_INVALID")
    if not isinstance(stored.value, types.Photo) or stored.picture is None:
        raise RpcError(400, "PHOTO_ID_INVALID")
    if stored.picture.square:
        return stored.value
    return call.world.new_photo(stored.picture.squared(), call.me)


def new_photo(call: Call, file: TLObject, *, square: bool = False) -> types.Photo:
    """Store an uploaded photo in all its sizes and return it; `square` for those of profiles."""
    content = _upload(call, file)
    made = call.world.files.prepared((call.me.id, file.id))
    made = made if isinstance(made, Picture) else picture(content, square=square)
    return call.world.new_photo(made, call.me)


def _new_document(call: Call, given: TLObject) -> types.Document:
    content = _upload(call, given.file)
    attributes = list(given.attributes)
    if given.file.name and not any(isinstance(each, types.DocumentAttributeFilename) for each in attributes):
        attributes.append(types.DocumentAttributeFilename(given.file.name))
    preview, source = None, given.file
    if given.thumb:
        preview, source = _upload(call, given.thumb), given.thumb
    elif given.mime_type in _PICTURES:
        preview = content
    made = _preview(call, source.id, preview) if preview is not None else None
    return _document(call, content, given.mime_type, attributes, made, own=preview is content)


def _preview(call: Call, file_id: int, content: bytes) -> Picture | None:
    """Return the sizes of a picture, None for one that cannot be read: then a document has no preview."""
    try:
        made = call.world.files.prepared((call.me.id, file_id))
        return made if isinstance(made, Picture) else picture(content)
    except RpcError:
        return None


def _document(
    call: Call,
    content: bytes,
    mime_type: str,
    attributes: list[TLObject],
    made: Picture | None,
    *,
    own: bool,
) -> types.Document:
    """Store a document with the previews of a picture; `own`: it is the document itself."""
    world = call.world
    if made is not None:
        if own and not any(isinstance(each, types.DocumentAttributeImageSize) for each in attributes):
            attributes.append(types.DocumentAttributeImageSize(made.width, made.height))
        made = made.previews()
    document = types.Document(
        _number(call),
        _number(call),
        world.files.reference,
        world.date(),
        mime_type or "application/octet-stream",
        len(content),
        world.number(call.me.home),
        attributes,
        thumbs=made.shown() if made is not None else None,
    )
    world.files.store(document, content, made)
    return document


def blank_drawing(call: Call, *, moving: bool) -> types.Document:
    """Return the document that stands for any drawing of Telegram's: an empty picture or animation."""
    files = call.world.files
    stored = files.named(files.blank.get(moving, 0))
    if stored is not None:
        return stored.value
    content, mime_type, side = (
        (_STILL, "application/x-tgsticker", 512) if moving else (_BLANK, "image/webp", 1)
    )
    attributes = [
        types.DocumentAttributeImageSize(side, side),
        types.DocumentAttributeSticker("", types.InputStickerSetEmpty()),
    ]
    made = _document(call, content, mime_type, attributes, None, own=False)
    files.blank[moving] = made.id
    return made


def _external(call: Call, given: TLObject) -> TLObject:
    """Return the medium of an address, which was fetched ahead of the call."""
    found = call.world.files.prepared((call.me.id, given.url))
    if isinstance(given, types.InputMediaPhotoExternal):
        if not isinstance(found, Picture):
            raise RpcError(400, "WEBPAGE_CURL_FAILED")
        return types.MessageMediaPhoto(photo=call.world.new_photo(found, call.me), spoiler=given.spoiler)
    if not isinstance(found, Fetched):
        raise RpcError(400, "WEBPAGE_CURL_FAILED")
    attributes = [types.DocumentAttributeFilename(found.name)] if found.name else []
    document = _document(call, found.content, found.mime_type, attributes, None, own=False)
    return types.MessageMediaDocument(document=document, spoiler=given.spoiler)


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
    check_range(request.offset, request.limit, precise=bool(request.precise))
    stored, size = _at(call, location)
    if stored.value.dc_id != call.world.number(call.login.dc_id):
        raise RpcError(303, f"FILE_MIGRATE_{stored.value.dc_id}")
    whole = isinstance(stored.value, types.Document) and not size
    kind = types.storage.FileUnknown() if whole else types.storage.FileJpeg()
    content = stored.read(size)[request.offset :]
    return types.upload.File(kind, call.world.date(), content[: request.limit])


def _at(call: Call, location: TLObject) -> tuple[StoredFile, str]:
    """Return the file of a location and the name of its size."""
    if isinstance(location, types.InputDocumentFileLocation | types.InputPhotoFileLocation):
        given = location.id, location.access_hash, location.file_reference
        return call.world.files.get(*given, "FILE_REFERENCE_EXPIRED"), location.thumb_size
    if isinstance(location, types.InputPeerPhotoFileLocation):
        peer = call.peer(location.peer)
        shown = peer.photos if isinstance(peer, Account) else [peer.photo]
        if location.photo_id in [photo.id for photo in shown if photo is not None]:
            stored = call.world.files.named(location.photo_id)
            if stored is not None:
                return stored, "c" if location.big else "a"
    raise RpcError(400, "LOCATION_INVALID")


METHODS: Final = {
    messages.UploadMediaRequest: Method(upload_media),
    upload.SaveFilePartRequest: Method(save_part, Open.BOTH),
    upload.SaveBigFilePartRequest: Method(save_part, Open.BOTH),
    upload.GetFileRequest: Method(get_file, Open.BOTH),
}
