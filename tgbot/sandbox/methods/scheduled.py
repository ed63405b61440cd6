"""messages.*: messages of people that are sent at a later moment."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import messages

from ..dialogs import Post, peer_of
from ..mentions import mentioned
from ..rpc import RpcError
from ..schedule import Scheduled
from .calls import Call, Method, Open
from .paging import beside

_PAGE: Final = 100


def keep(
    call: Call, peer: int, posts: dict[int, Post], moment: int, reply_to: int | None, topic: int | None
) -> TLObject:
    """Keep messages by their random_ids for a later moment; those that wait already stay as they are."""
    schedule, me = call.world.schedule, call.me
    planned = []
    for random_id, post in posts.items():
        found = schedule.earlier(me.id, peer, random_id)
        if found is None:
            post.date = moment
            found = schedule.add(me, peer, post, random_id=random_id, reply_to=reply_to, topic=topic)
        planned.append(found)
    return told(call, planned)


def told(call: Call, planned: list[Scheduled]) -> TLObject:
    """Wrap messages that wait in an answer."""
    updates: list[TLObject] = [types.UpdateMessageID(each.copy.id, each.random_id) for each in planned]
    for each in planned:
        updates.append(new := types.UpdateNewScheduledMessage(each.message))
        call.world.feeds.hand(call.me.id, new, own=True)
    return call.happened(updates, [number for each in planned for number in mentioned(each.copy)])


def _named(call: Call, given: TLObject, numbers: list[int]) -> tuple[int, list[Scheduled]]:
    peer = call.peer(given).marked
    if not numbers:
        raise RpcError(400, "MESSAGE_IDS_EMPTY")
    wanted = list(dict.fromkeys(numbers))[:_PAGE]
    return peer, [call.world.schedule.get(call.me.id, peer, number) for number in wanted]


def get_history(call: Call, request: messages.GetScheduledHistoryRequest) -> TLObject:
    return _listed(call, call.world.schedule.of(call.me.id, call.peer(request.peer).marked))


def get_messages(call: Call, request: messages.GetScheduledMessagesRequest) -> TLObject:
    waiting = call.world.schedule.of(call.me.id, call.peer(request.peer).marked)
    return _listed(call, [each for each in waiting if each.copy.id in request.id])


def _listed(call: Call, waiting: list[Scheduled]) -> TLObject:
    around = beside(call, [each.copy for each in waiting])
    return types.messages.Messages([each.message for each in waiting], [], *around)


def send_now(call: Call, request: messages.SendScheduledMessagesRequest) -> TLObject:
    peer, chosen = _named(call, request.peer, request.id)
    sent = [(each.copy.id, call.world.schedule.send(each)) for each in chosen]
    gone = types.UpdateDeleteScheduledMessages(
        peer_of(peer), [number for number, _ in sent], sent_messages=[copy.id for _, copy in sent]
    )
    call.world.feeds.hand(call.me.id, gone, own=True)
    in_channel = [copy for _, copy in sent if copy.owner < 0]
    news = [types.UpdateNewChannelMessage(copy.message(call.me.id), copy.pts, 1) for copy in in_channel]
    return call.happened([gone, *news], [number for copy in in_channel for number in mentioned(copy)])


def delete(call: Call, request: messages.DeleteScheduledMessagesRequest) -> TLObject:
    peer, chosen = _named(call, request.peer, request.id)
    for each in chosen:
        call.world.schedule.drop(each)
    gone = types.UpdateDeleteScheduledMessages(peer_of(peer), [each.copy.id for each in chosen])
    call.world.feeds.hand(call.me.id, gone, own=True)
    return call.happened([gone], [peer])


METHODS: Final = {
    messages.GetScheduledHistoryRequest: Method(get_history, Open.USERS),
    messages.GetScheduledMessagesRequest: Method(get_messages, Open.USERS),
    messages.SendScheduledMessagesRequest: Method(send_now, Open.USERS),
    messages.DeleteScheduledMessagesRequest: Method(delete, Open.USERS),
}
