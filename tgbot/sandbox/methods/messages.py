"""messages.*: sending and forwarding messages, pressing buttons."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from ..accounts import Account
from ..chats import Chat
from ..dialogs import Copy, PerViewer, Post, peer_of
from ..logs import FIRST_PTS
from ..payments import Bill
from ..polls import Poll
from ..rpc import BOT_ANSWER_SECONDS, Later, RpcError
from .calls import Call, Method, Open
from .chats import changed
from .drafts import streamed
from .keyboards import shown_markup
from .media import as_message_media
from .payments import pay_button
from .polls import check_place
from .sending import (
    CAPTION_LENGTH,
    TEXT_LENGTH,
    deliver,
    earlier_of,
    existing,
    limited,
    text_of,
    wrap_sends,
    writable,
)

_ALBUM: Final = 10
_START_PARAM_LENGTH: Final = 64
_PRESSTEXT_LENGTH: Final = 200


# -- sending


def send_message(call: Call, request: messages.SendMessageRequest) -> TLObject:
    if earlier := earlier_of(call, request.peer, [request.random_id]):
        return wrap_sends(call, earlier)
    to = writable(call, request.peer)
    text, entities = text_of(call, to, request.message, request.entities, TEXT_LENGTH)
    if not text:
        raise RpcError(400, "MESSAGE_EMPTY")
    markup = shown_markup(call, request.reply_markup)
    limited(call, to, request)
    post = Post(call.me.id, call.world.date(), text, entities=entities, markup=markup)
    return deliver(call, to, {request.random_id: post}, request, short=True)


def send_media(call: Call, request: messages.SendMediaRequest) -> TLObject:
    if earlier := earlier_of(call, request.peer, [request.random_id]):
        return wrap_sends(call, earlier)
    to = writable(call, request.peer)
    post = _media_post(call, to, request.media, request)
    post.markup = shown_markup(call, request.reply_markup)
    if isinstance(post.media, Bill) and post.markup is None:
        post.markup = pay_button(post.media)
    limited(call, to, request)
    return deliver(call, to, {request.random_id: post}, request)


def _media_post(call: Call, to: Account | Chat, media: TLObject, given: TLObject) -> Post:
    shown = as_message_media(call, media)
    if isinstance(shown, Poll):
        check_place(call, to, shown)
    error = "MEDIA_CAPTION_TOO_LONG"
    text, entities = text_of(call, to, given.message, given.entities, CAPTION_LENGTH, error)
    return Post(call.me.id, call.world.date(), text, entities=entities, media=shown)


def send_multi_media(call: Call, request: messages.SendMultiMediaRequest) -> TLObject:
    if not 2 <= len(request.multi_media) <= _ALBUM:
        raise RpcError(400, "MULTI_MEDIA_TOO_LONG" if request.multi_media else "MEDIA_EMPTY")
    random_ids = [single.random_id for single in request.multi_media]
    earlier = earlier_of(call, request.peer, random_ids)
    missing = [single for single in request.multi_media if single.random_id not in earlier]
    if not missing:
        return wrap_sends(call, earlier)
    to = writable(call, request.peer)
    posts = [_media_post(call, to, single.media, single) for single in missing]
    if any(isinstance(post.media, PerViewer) for post in posts):
        raise RpcError(400, "MEDIA_INVALID")
    limited(call, to, request, len(posts))
    groups = (copy.post.extras.get("grouped_id") for copy in earlier.values() if copy.post.extras)
    group = next(groups, None) or call.world.random.getrandbits(62)
    for post in posts:
        post.extras = {"grouped_id": group}
    named = {single.random_id: post for post, single in zip(posts, missing, strict=True)}
    return deliver(call, to, named, request, earlier)


def start_bot(call: Call, request: messages.StartBotRequest) -> TLObject:
    bot = call.user(request.bot, "BOT_INVALID")
    if not bot.is_bot:
        raise RpcError(400, "BOT_INVALID")
    payload = request.start_param
    if not payload:
        raise RpcError(400, "START_PARAM_EMPTY")
    if len(payload) > _START_PARAM_LENGTH:
        raise RpcError(400, "START_PARAM_TOO_LONG")
    if not all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in payload):
        raise RpcError(400, "START_PARAM_INVALID")
    given = request.bot if isinstance(request.peer, types.InputPeerEmpty) else request.peer
    if earlier := earlier_of(call, given, [request.random_id]):
        return wrap_sends(call, earlier)
    to = bot if given is request.bot else writable(call, given)
    since = FIRST_PTS
    if isinstance(to, Chat):
        since = to.log.pts
        call.world.groups.add(to, bot, by=call.me.id)
        text = f"/start@{bot.usernames[0]}"
    else:
        text = "/start"
        call.world.may_write(call.me, bot)
    post = Post(call.me.id, call.world.date(), f"{text} {payload}")
    post.own_text = text
    post.entities = [types.MessageEntityBotCommand(0, len(text))]
    sent = call.world.posts.add(call.me, to.marked, post, random_id=request.random_id)
    if isinstance(to, Chat) and to.channel:
        return changed(call, to, since)
    return wrap_sends(call, {}, {request.random_id: sent})


def forward_messages(call: Call, request: messages.ForwardMessagesRequest) -> TLObject:
    me = call.me
    source = call.peer(request.from_peer)
    if not request.id:
        raise RpcError(400, "MESSAGE_IDS_EMPTY")
    if len(request.id) != len(request.random_id) or 0 in request.random_id:
        raise RpcError(400, "RANDOM_ID_INVALID")
    earlier = earlier_of(call, request.to_peer, request.random_id)
    pairs = zip(request.id, request.random_id, strict=True)
    missing = [(number, random_id) for number, random_id in pairs if random_id not in earlier]
    if not missing:
        return wrap_sends(call, earlier)
    to = writable(call, request.to_peer)
    posts: dict[int, Post] = {}
    for number, random_id in missing:
        original = existing(call, number, source)
        was = original.post
        if was.action is not None:
            raise RpcError(400, "MESSAGE_ID_INVALID")
        if (was.extras and was.extras.get("noforwards")) or (isinstance(source, Chat) and source.noforwards):
            raise RpcError(400, "CHAT_FORWARDS_RESTRICTED")
        header = None if request.drop_author else was.forwarded or _forwarded(call, original)
        bare = bool(request.drop_media_captions and was.media)
        text, entities = ("", None) if bare else (was.text, was.entities)
        posts[random_id] = Post(
            me.id, call.world.date(), text, entities=entities, media=was.media, forwarded=header
        )
    limited(call, to, request, len(posts))
    if request.top_msg_id and request.reply_to is None:
        request.reply_to = types.InputReplyToMessage(request.top_msg_id, top_msg_id=request.top_msg_id)
    return deliver(call, to, posts, request, earlier)


def _forwarded(call: Call, copy: Copy) -> TLObject:
    post = copy.post
    if copy.owner < 0 and not call.world.chats[copy.owner].megagroup:
        return types.MessageFwdHeader(post.date, from_id=peer_of(copy.owner), channel_post=copy.id)
    author = call.world.accounts.get(post.sender)
    if author is None or (post.extras and post.extras.get("from_id")):
        return types.MessageFwdHeader(post.date, from_id=copy.message().from_id)
    if author.hides_forwards and author is not call.me:
        return types.MessageFwdHeader(post.date, from_name=author.name)
    return types.MessageFwdHeader(post.date, from_id=types.PeerUser(author.id))


# -- pressing buttons


def get_bot_callback_answer(call: Call, request: messages.GetBotCallbackAnswerRequest) -> Later:
    copy = existing(call, request.msg_id, call.peer(request.peer))
    if request.data is None:
        raise RpcError(400, "DATA_INVALID")
    buttons = [button for row in getattr(copy.post.markup, "rows", None) or [] for button in row.buttons]
    if not any(getattr(getattr(button, "type", None), "data", None) == request.data for button in buttons):
        raise RpcError(400, "DATA_INVALID")
    return call.world.presses.press(call.me, copy, request.data, call.world.now() + BOT_ANSWER_SECONDS)


def set_bot_callback_answer(call: Call, request: messages.SetBotCallbackAnswerRequest) -> bool:
    if request.message is not None and len(request.message) > _PRESSTEXT_LENGTH:
        raise RpcError(400, "MESSAGE_TOO_LONG")
    answer = types.messages.BotCallbackAnswer(
        request.cache_time,
        alert=request.alert,
        has_url=request.url is not None,
        message=request.message,
        url=request.url,
    )
    call.world.presses.answer(call.me, request.query_id, answer)
    return True


# -- chat actions


def set_typing(call: Call, request: messages.SetTypingRequest) -> bool:
    to = call.peer(request.peer)
    if isinstance(to, Chat):
        if not to.may_post(call.me.id):
            raise RpcError(403, "CHAT_WRITE_FORBIDDEN")
    else:
        call.world.may_write(call.me, to, typing=True)
    call.world.limits.acts(call.me, to)
    action = streamed(call, to, request.action)
    call.world.typing(call.me, to.marked, action, request.top_msg_id)
    return True


METHODS: Final = {
    messages.SendMessageRequest: Method(send_message),
    messages.SendMediaRequest: Method(send_media),
    messages.SendMultiMediaRequest: Method(send_multi_media),
    messages.StartBotRequest: Method(start_bot, Open.USERS),
    messages.ForwardMessagesRequest: Method(forward_messages),
    messages.GetBotCallbackAnswerRequest: Method(get_bot_callback_answer, Open.USERS),
    messages.SetBotCallbackAnswerRequest: Method(set_bot_callback_answer, Open.BOTS),
    messages.SetTypingRequest: Method(set_typing),
}
