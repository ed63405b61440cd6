"""messages.*: inline queries, the results of bots, and the messages that people send out of them."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from ..chats import Chat
from ..dialogs import Post
from ..rpc import Later, RpcError
from .calls import Call, Method, Open
from .keyboards import shown_markup
from .media import known_file
from .sending import earlier_of, text_of, wrap_sends, writable

_MAX_RESULTS: Final = 50
_ID_LENGTH: Final = 64
_TEXT_LENGTH, _CAPTION_LENGTH = 4096, 1024


def get_results(call: Call, request: messages.GetInlineBotResultsRequest) -> Later:
    bot = call.user(request.bot, "BOT_INVALID")
    if not bot.is_bot:
        raise RpcError(400, "BOT_INVALID")
    where = _kind(call, request.peer, bot.id)
    return call.world.queries.ask(call.me, bot, request.query, request.offset, where)


def _kind(call: Call, given: TLObject, bot: int) -> TLObject | None:
    if isinstance(given, types.InputPeerEmpty):
        return None
    peer = call.peer(given)
    if not isinstance(peer, Chat):
        same = types.InlineQueryPeerTypeSameBotPM if peer.id == bot else types.InlineQueryPeerTypePM
        return types.InlineQueryPeerTypeBotPM() if peer.is_bot and peer.id != bot else same()
    if not peer.channel:
        return types.InlineQueryPeerTypeChat()
    return types.InlineQueryPeerTypeMegagroup() if peer.megagroup else types.InlineQueryPeerTypeBroadcast()


def set_results(call: Call, request: messages.SetInlineBotResultsRequest) -> bool:
    results = request.results
    if len(results) > _MAX_RESULTS:
        raise RpcError(400, "RESULTS_TOO_MUCH")
    ids = [result.id for result in results]
    if not all(0 < len(each.encode()) <= _ID_LENGTH for each in ids):
        raise RpcError(400, "RESULT_ID_INVALID")
    if len(set(ids)) < len(ids):
        raise RpcError(400, "RESULT_ID_DUPLICATE")
    shown = types.messages.BotResults(
        request.query_id,
        [_shown(call, result) for result in results],
        request.cache_time,
        call.world.view.beside(call.me, ())[0],
        gallery=request.gallery or None,
        next_offset=request.next_offset,
        switch_pm=request.switch_pm,
    )
    call.world.queries.answer(call.me, shown, {result.id: result for result in results})
    return True


def _shown(call: Call, result: TLObject) -> TLObject:
    """Return a result as the user's app shows it."""
    message = _message(call, result.send_message)
    if isinstance(result, types.InputBotInlineResult):
        if result.type == "article" and not result.title:
            raise RpcError(400, "ARTICLE_TITLE_EMPTY")
        given = (result.id, result.type, message, result.title, result.description, result.url)
        return types.BotInlineResult(*given, thumb=None, content=None)
    stored = known_file(call, result.photo if _is_photo(result) else result.document).value
    shown = types.BotInlineMediaResult(result.id, result.type, message)
    if _is_photo(result):
        shown.photo = stored
    else:
        shown.document, shown.title, shown.description = stored, result.title, result.description
    return shown


def _is_photo(result: TLObject) -> bool:
    return isinstance(result, types.InputBotInlineResultPhoto)


def _message(call: Call, given: TLObject) -> TLObject:
    markup = shown_markup(call, given.reply_markup)
    if isinstance(given, types.InputBotInlineMessageMediaAuto):
        text, entities = text_of(call, call.me, given.message, given.entities, _CAPTION_LENGTH)
        return types.BotInlineMessageMediaAuto(text, entities=entities, reply_markup=markup)
    text, entities = text_of(call, call.me, given.message, given.entities, _TEXT_LENGTH)
    if not text:
        raise RpcError(400, "MESSAGE_EMPTY")
    return types.BotInlineMessageText(text, entities=entities, reply_markup=markup)


def send_result(call: Call, request: messages.SendInlineBotResultRequest) -> TLObject:
    if earlier := earlier_of(call, request.peer, [request.random_id]):
        return wrap_sends(call, earlier)
    to = writable(call, request.peer)
    bot, result = call.world.queries.result(call.me, request.query_id, request.id)
    shown = _message(call, result.send_message)
    media = None
    if isinstance(result.send_message, types.InputBotInlineMessageMediaAuto):
        if isinstance(result, types.InputBotInlineResult):
            raise RpcError(400, "MEDIA_EMPTY")
        stored = known_file(call, result.photo if _is_photo(result) else result.document).value
        kind = types.MessageMediaPhoto(photo=stored) if _is_photo(result) else None
        media = kind or types.MessageMediaDocument(document=stored)
    post = Post(
        call.me.id,
        call.world.date(),
        shown.message,
        entities=shown.entities,
        markup=shown.reply_markup,
        media=media,
        extras={"via_bot_id": bot},
    )
    sent = call.world.posts.add(call.me, to.marked, post, random_id=request.random_id)
    return wrap_sends(call, {}, {request.random_id: sent})


METHODS: Final = {
    messages.GetInlineBotResultsRequest: Method(get_results, Open.USERS),
    messages.SetInlineBotResultsRequest: Method(set_results, Open.BOTS),
    messages.SendInlineBotResultRequest: Method(send_result, Open.USERS),
}
