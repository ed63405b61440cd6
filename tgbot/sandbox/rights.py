"""Rights in a chat: what admins may do, and what is forbidden to members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from telethon.tl import TLObject, types

from .dialogs import Post
from .polls import Poll
from .rpc import RpcError

#: The date that stands for "forever" in rights.
FOREVER: Final = 0x7FFFFFFF
#: A ban for less or for longer than this many seconds is one for ever.
_SHORTEST: Final = 30
_LONGEST: Final = 366 * 86_400

#: The names of all rights that can be forbidden, of all rights of admins, and of the rights to send.
FORBIDDABLE: Final = tuple(name for name in vars(types.ChatBannedRights(None)) if name != "until_date")
ADMIN: Final = tuple(vars(types.ChatAdminRights()))
SENDS: Final = tuple(name for name in FORBIDDABLE if name.startswith("send_"))

#: What a document is, by its attributes, and the right that it needs; the first that is there counts.
_DOCUMENTS: Final = (
    (types.DocumentAttributeSticker, "send_stickers"),
    (types.DocumentAttributeAnimated, "send_gifs"),
    (types.DocumentAttributeVideo, "send_videos"),
    (types.DocumentAttributeAudio, "send_audios"),
)
#: The end of the error's name of each right to send: CHAT_SEND_…_FORBIDDEN.
_ERRORS: Final = {"send_polls": "POLL", "send_games": "GAME"}


@dataclass(slots=True, eq=False)
class Restriction:
    """What is forbidden to one user of a channel: everything (a ban), or some of it."""

    rights: types.ChatBannedRights
    by: int
    date: int
    #: The time of its end, `FOREVER` for none.
    until: int

    @property
    def banned(self) -> bool:
        """Whether the user cannot even see the chat."""
        return bool(self.rights.view_messages)


def ends(until: int, now: int) -> int:
    """Return when a restriction ends: one that is very short or very long never does."""
    return until if _SHORTEST <= until - now <= _LONGEST else FOREVER


def forbidden(rights: types.ChatBannedRights, until: int) -> types.ChatBannedRights:
    """Return rights as Telegram gives them out: what includes others has them set, too."""
    names = {name for name in FORBIDDABLE if getattr(rights, name)}
    if "view_messages" in names:
        names = set(FORBIDDABLE)
    if "send_messages" in names:
        names |= {*SENDS, "embed_links"}
    if "send_media" in names:
        names |= {f"send_{kind}" for kind in ("photos", "videos", "roundvideos", "audios", "voices", "docs")}
    return types.ChatBannedRights(until, **dict.fromkeys(sorted(names), True))


def any_of(rights: TLObject, names: tuple[str, ...]) -> bool:
    """Return whether any of these rights is set."""
    return any(getattr(rights, name) for name in names)


def full_admin() -> types.ChatAdminRights:
    """Return the rights of a creator."""
    return types.ChatAdminRights(**dict.fromkeys([name for name in ADMIN if name != "anonymous"], True))


def send_right(post: Post) -> str:
    """Return the name of the right that is needed to send a post."""
    media = post.media
    if post.extras and post.extras.get("via_bot_id"):
        return "send_inline"
    if media is None or isinstance(media, types.MessageMediaWebPage):
        return "send_plain"
    if isinstance(media, types.MessageMediaPhoto):
        return "send_photos"
    if isinstance(media, Poll | types.MessageMediaPoll):
        return "send_polls"
    if isinstance(media, types.MessageMediaGame):
        return "send_games"
    if isinstance(media, types.MessageMediaDocument) and media.document is not None:
        attributes = media.document.attributes
        for kind, right in _DOCUMENTS:
            found = next((each for each in attributes if isinstance(each, kind)), None)
            if getattr(found, "round_message", False):
                return "send_roundvideos"
            if getattr(found, "voice", False):
                return "send_voices"
            if found is not None:
                return right
        return "send_docs"
    # Dice are taken for stickers; contacts and places need the right to plain messages.
    return "send_stickers" if isinstance(media, types.MessageMediaDice) else "send_plain"


def refusal(right: str) -> RpcError:
    """Return the error of a send that needs this right."""
    kind = _ERRORS.get(right, right.removeprefix("send_").upper())
    return RpcError(403, f"CHAT_SEND_{kind}_FORBIDDEN")
