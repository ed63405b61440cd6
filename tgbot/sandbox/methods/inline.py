"""messages.*: inline queries, the results of bots, and the messages that people send out of them."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from ..chats import Chat
from ..dialogs import Post
from ..rpc import Later, RpcError
from ..sends import SendKey
from .calls import Call, Method, Open
from .edits import changed_post
from .media import place
from .results import result_of
from .sending import deliver, earlier_of, wrap_sends, writable

_MAX_RESULTS: Final = 50
_ID_LENGTH: Final = 64
_OFFSET_LENGTH: Final = 64
_QUERY_LENGTH: Final = 512
_START_PARAM_LENGTH: Final = 64


def get_results(call: Call, request: messages.GetInlineBotResultsRequest) -> Later:
    bot = call.user(request.bot, "BOT_INVALID")
    if not bot.is_bot:
        raise RpcError(400, "BOT_INVALID")
    where = _kind(call, request.peer, bot.id)
    geo = request.geo_point
    wants_place = bot.profile is not None and bot.profile.inline_geo
    here = place(call, geo) if wants_place and isinstance(geo, types.InputGeoPoint) else None
    query, offset = request.query[:_QUERY_LENGTH], request.offset[:_OFFSET_LENGTH]
    return call.world.queries.ask(call.me, bot, query, offset, where, here)


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
    if len((request.next_offset or "").encode()) > _OFFSET_LENGTH:
        raise RpcError(400, "NEXT_OFFSET_INVALID")
    if request.switch_pm is not None:
        _check_switch(request.switch_pm)
    fetched: dict[str, TLObject] = {}
    made = {result.id: result_of(call, result, fetched) for result in results}
    answer = types.messages.BotResults(
        request.query_id,
        [each.shown for each in made.values()],
        max(request.cache_time, 0),
        call.world.view.beside(call.me, ())[0],
        gallery=request.gallery or None,
        next_offset=request.next_offset,
        switch_pm=request.switch_pm,
    )
    call.world.queries.answer(call.me, request.query_id, answer, made, private=bool(request.private))
    return True


def _check_switch(switch: types.InlineBotSwitchPM) -> None:
    """Raise an RPC error for a button to the private chat that has no text or a wrong start parameter."""
    if not switch.text:
        raise RpcError(400, "SWITCH_PM_TEXT_EMPTY")
    payload = switch.start_param
    if not payload:
        raise RpcError(400, "START_PARAM_EMPTY")
    allowed = all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in payload)
    if len(payload) > _START_PARAM_LENGTH or not allowed:
        raise RpcError(400, "START_PARAM_INVALID")


def send_result(call: Call, request: messages.SendInlineBotResultRequest) -> TLObject:
    if not request.random_id:
        raise RpcError(400, "RANDOM_ID_EMPTY")
    if earlier := earlier_of(call, request.peer, [request.random_id]):
        return wrap_sends(call, earlier)
    to = writable(call, request.peer)
    bot, query, result = call.world.queries.result(call.me, request.query_id, request.id)
    post = Post(
        call.me.id,
        call.world.date(),
        result.text,
        entities=result.entities,
        markup=result.markup,
        media=result.media,
        extras={"via_bot_id": bot.id} | ({"invert_media": True} if result.inverted else {}),
    )
    answer = deliver(call, to, {request.random_id: post}, request)
    sent = call.world.sends.earlier(SendKey(call.me.id, to.marked, request.random_id))
    if sent is not None:
        call.world.queries.chosen(call.me, bot, query, request.id, sent)
    return answer


def edit(call: Call, request: messages.EditInlineBotMessageRequest) -> bool:
    copy = call.world.queries.message(call.me, request.id)
    to = call.world.chats[copy.peer] if copy.peer < 0 else call.world.accounts[copy.peer]
    changed_post(call, to, copy, request)
    call.world.posts.edited(copy)
    return True


METHODS: Final = {
    messages.GetInlineBotResultsRequest: Method(get_results, Open.USERS),
    messages.SetInlineBotResultsRequest: Method(set_results, Open.BOTS),
    messages.SendInlineBotResultRequest: Method(send_result, Open.USERS),
    messages.EditInlineBotMessageRequest: Method(edit, Open.BOTS),
}
