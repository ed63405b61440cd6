"""What all sends have in common: repeated sends, who may write where, texts, and the answer."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, TLRequest, types

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Copy, Post, Quote
from ..entities import check_bounds, found, trimmed, units
from ..mentions import mentioned
from ..polls import Poll
from ..rpc import RpcError
from ..sends import SendKey
from . import scheduled
from .calls import Call, seconds
from .chats import shown_as
from .forums import thread
from .permits import may_post, may_write

#: In code points, as the documentation of help.getConfig has it; entities count in UTF-16 units.
TEXT_LENGTH: Final = 4096
CAPTION_LENGTH: Final = 1024
_QUOTE_LENGTH: Final = 1024
#: The entities that a quote keeps.
_QUOTED: Final = (
    types.MessageEntityBold,
    types.MessageEntityItalic,
    types.MessageEntityUnderline,
    types.MessageEntityStrike,
    types.MessageEntitySpoiler,
    types.MessageEntityCustomEmoji,
)


def earlier_of(call: Call, given: TLObject, random_ids: list[int]) -> dict[int, Copy]:
    """Return the earlier messages of the caller to a peer, by those of `random_ids` that were used.

    The rest of a repeated call is not checked: the earlier messages are its answer even if the caller may no
    longer write to the peer. Raise RANDOM_ID_DUPLICATE while an earlier call is still under way, or if one
    call has a random_id twice.
    """
    if len(set(random_ids)) < len(random_ids):
        raise RpcError(500, "RANDOM_ID_DUPLICATE")
    peer = call.peer(given).marked
    found = {number: call.world.sends.earlier(SendKey(call.me.id, peer, number)) for number in random_ids}
    return {number: copy for number, copy in found.items() if copy is not None}


def writable(call: Call, given: TLObject) -> Account | Chat:
    """Return the peer of a send; raise an RPC error if the caller may not write there."""
    to = call.peer(given)
    if isinstance(to, Chat):
        may_write(call, to)
    else:
        call.world.may_write(call.me, to)
    return to


def limited(call: Call, to: Account | Chat, request: TLRequest, count: int = 1) -> None:
    """Raise FLOOD_WAIT_n if a bot sends faster than Telegram lets it."""
    call.world.limits.sends(call.me, to, count, paid=bool(request.allow_paid_floodskip))


def text_of(
    call: Call,
    to: Account | Chat,
    text: str,
    given: list[TLObject] | None,
    limit: int,
    error: str = "MESSAGE_TOO_LONG",
) -> tuple[str, list[TLObject] | None]:
    """Return the stripped text and its entities, including those that the server finds."""
    check_bounds(text, given)
    text, entities = trimmed(text, given)
    if len(text) > limit:
        raise RpcError(400, error)
    for index, entity in enumerate(entities):
        if isinstance(entity, types.InputMessageEntityMentionName):
            user = call.user(entity.user_id, "ENTITY_MENTION_USER_INVALID")
            entities[index] = types.MessageEntityMentionName(entity.offset, entity.length, user.id)
    commands = call.me.is_bot or isinstance(to, Chat) or to.is_bot
    return text, found(text, entities, commands=commands) or None


def deliver(
    call: Call,
    to: Account | Chat,
    posts: dict[int, Post],
    request: TLRequest,
    earlier: dict[int, Copy] | None = None,
    *,
    short: bool = False,
) -> TLObject:
    """Send posts by their random_ids, now or at the moment that the request names; return the answer.

    `earlier` are the messages of a repeated call. With `short`, a single message in a private chat gets the
    short answer.
    """
    reply_to, topic = thread(call, to, request.reply_to)
    quote = _quote(call, to, reply_to, request.reply_to)
    shown = shown_as(call, to, getattr(request, "send_as", None))
    effect = _effect(to, getattr(request, "effect", None))
    for post in posts.values():
        if isinstance(to, Chat):
            may_post(call, to, post)
        post.quote = quote
        post.extras = (post.extras or {}) | _extras(request)
        if shown:
            post.extras |= {"from_id": shown}
        if effect:
            post.extras |= {"effect": effect}
    moment = call.world.schedule.moment(seconds(request.schedule_date)) if request.schedule_date else 0
    if moment:
        return scheduled.keep(call, to.marked, posts, moment, reply_to, topic)
    sent: dict[int, Copy] = {}
    for random_id, post in posts.items():
        sent[random_id] = call.world.posts.add(
            call.me, to.marked, post, random_id=random_id, reply_to=reply_to, topic=topic
        )
        if isinstance(post.media, Poll):
            call.world.polls.opened(post.media)
    if getattr(request, "clear_draft", False):
        call.world.drafts.clear(call.me, to.marked, topic)
    [copy, *rest] = sent.values()
    if short and not earlier and not rest and copy.peer > 0 and copy.peer != call.me.id:
        given = (copy.id, copy.pts, 1, copy.post.date)
        return types.UpdateShortSentMessage(*given, out=True, entities=copy.post.entities)
    return wrap_sends(call, earlier or {}, sent)


def _extras(request: TLRequest) -> dict[str, object]:
    """Return the flags of a send that are flags of its message."""
    return {name: True for name in ("silent", "noforwards", "invert_media") if getattr(request, name, None)}


def _effect(to: Account | Chat, effect: int | None) -> int | None:
    """Return the effect of a message; raise EFFECT_ID_INVALID outside of private chats."""
    if effect and isinstance(to, Chat):
        raise RpcError(400, "EFFECT_ID_INVALID")
    return effect or None


def _quote(call: Call, to: Account | Chat, reply_to: int | None, given: TLObject) -> Quote | None:
    """Return the part of the answered message that a send quotes; raise QUOTE_TEXT_INVALID if it is none."""
    text = getattr(given, "quote_text", None)
    answered = call.box(to).get(reply_to or 0)
    if not text or answered is None:
        return None
    check_bounds(text, given.quote_entities)
    whole, place = answered.post.text, max(given.quote_offset or 0, 0)
    start = _place(whole, text, place)
    if len(text) > _QUOTE_LENGTH or start < 0:
        raise RpcError(400, "QUOTE_TEXT_INVALID")
    kept = [entity for entity in given.quote_entities or [] if isinstance(entity, _QUOTED)]
    return Quote(text, kept, start)


def _place(whole: str, text: str, wanted: int) -> int:
    """Return the place of a text in a longer one, in UTF-16 units, the next to `wanted`; −1 for none."""
    places: list[int] = []
    at = whole.find(text)
    while at >= 0 and len(places) < _QUOTE_LENGTH:
        places.append(units(whole[:at]))
        at = whole.find(text, at + 1)
    return min(places, key=lambda place: abs(place - wanted), default=-1)


def wrap_sends(call: Call, earlier: dict[int, Copy], sent: dict[int, Copy] | None = None) -> TLObject:
    """Wrap the messages of this call (`sent`) and those of earlier calls in one Updates object.

    The ids come first, then the messages. An earlier message keeps its pts, with a pts_count of 0. An earlier
    message that was deleted since has no update of its own: like a difference, the answer does not bring it
    back, and its id tells the client that nothing needs to be sent.
    """
    sent = sent or {}
    updates: list[TLObject] = [
        types.UpdateMessageID(copy.id, random_id) for random_id, copy in (earlier | sent).items() if random_id
    ]
    left = [copy for copy in earlier.values() if not copy.deleted]
    updates += [_new_message(call, copy, 0) for copy in left]
    # The other messages are in the caller's log.
    in_channel = [copy for copy in sent.values() if copy.owner < 0]
    updates += [_new_message(call, copy, 1) for copy in in_channel]
    return call.happened(updates, [number for copy in [*left, *in_channel] for number in mentioned(copy)])


def _new_message(call: Call, copy: Copy, pts_count: int) -> TLObject:
    kind = types.UpdateNewChannelMessage if copy.owner < 0 else types.UpdateNewMessage
    return kind(copy.message(call.me.id), copy.pts, pts_count)


def existing(call: Call, message_id: int, peer: Account | Chat) -> Copy:
    """Return the copy of a message that the caller sees in a dialog; raise MESSAGE_ID_INVALID."""
    copy = call.box(peer).get(message_id)
    if copy is None or copy.peer != peer.marked:
        raise RpcError(400, "MESSAGE_ID_INVALID")
    return copy
