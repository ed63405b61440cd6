"""messages.* and channels.* about groups and channels: creation, links between them, look-ups."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import channels, messages

from ..accounts import Account
from ..channels import channel_update
from ..chats import Chat
from ..dialogs import Copy, peer_of
from ..invites import GROUP_LIMIT
from ..logs import FIRST_PTS, FIRST_QTS
from ..rights import with_right
from ..rpc import RpcError
from .calls import Call, Method, Open

_TITLE_LENGTH: Final = 128
ABOUT_LENGTH: Final = 255
_PAGE: Final = 100


def valid_title(title: str) -> str:
    title = title.strip()
    if not 0 < len(title) <= _TITLE_LENGTH:
        raise RpcError(400, "CHAT_TITLE_EMPTY")
    return title


def changed(call: Call, chat: Chat, since: int = FIRST_PTS) -> TLObject:
    """Wrap the chat and what was added to the caller's log, or to the channel's log above `since`."""
    if not chat.channel:
        return call.happened([], [chat.marked])
    entries = chat.log.above(since, FIRST_QTS)
    updates = [types.UpdateChannel(chat.id)] + [channel_update(entry, call.me.id) for entry in entries]
    return call.happened(updates, [chat.marked, *(number for entry in entries for number in entry.named())])


def create_chat(call: Call, request: messages.CreateChatRequest) -> TLObject:
    me, title = call.me, valid_title(request.title)
    users = {user.id: user for user in (call.user(given) for given in request.users)}
    users.pop(me.id, None)
    if not users:
        raise RpcError(400, "USERS_TOO_FEW")
    if len(users) >= GROUP_LIMIT:
        raise RpcError(400, "USERS_TOO_MUCH")
    if any(user.profile is not None and not user.profile.joins_groups for user in users.values()):
        raise RpcError(400, "BOT_GROUPS_BLOCKED")
    missing = [types.MissingInvitee(user.id) for user in users.values() if me.id in user.blocked]
    added = [user.id for user in users.values() if me.id not in user.blocked]
    chat = call.world.groups.new_group(title, me.id, *added)
    first = me.box.history(chat.marked)[0]
    return types.messages.InvitedUsers(_created(call, chat, me.box.get(first)), missing)


def create_channel(call: Call, request: channels.CreateChannelRequest) -> TLObject:
    title, about = valid_title(request.title), request.about.strip()
    if len(about) > ABOUT_LENGTH:
        raise RpcError(400, "CHAT_ABOUT_TOO_LONG")
    megagroup = bool(request.megagroup or request.forum)
    chat = call.world.groups.new_channel(title, megagroup=megagroup, creator=call.me.id)
    chat.about, chat.forum = about, bool(request.forum)
    if chat.forum:
        chat.default_rights = with_right(chat.default_rights, "manage_topics")
    return _created(call, chat, chat.box.get(1))


def _created(call: Call, chat: Chat, first: Copy | None) -> TLObject:
    """Wrap a new chat: TDLib wants one new message, and one updateMessageID."""
    answer = changed(call, chat)
    if first is not None:
        answer.updates.insert(0, types.UpdateMessageID(first.id, call.world.random.getrandbits(62)))
    return answer


def migrate_chat(call: Call, request: messages.MigrateChatRequest) -> TLObject:
    group = call.chat(types.InputPeerChat(request.chat_id))
    if call.me.id != group.creator:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    chat = call.world.groups.migrate(group)
    entries = chat.log.above(FIRST_PTS, FIRST_QTS)
    updates = [types.UpdateChannel(chat.id), *(channel_update(entry, call.me.id) for entry in entries)]
    return call.happened(updates, [group.marked, chat.marked])


def toggle_join_request(call: Call, request: channels.ToggleJoinRequestRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    if not chat.may_invite(call.me.id):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    bot = call.user(request.guard_bot, "BOT_INVALID") if request.guard_bot is not None else None
    if bot is not None and not (bot.is_bot and chat.may_invite(bot.id)):
        raise RpcError(400, "BOT_INVALID")
    chat.guard = bot.id if bot is not None and request.enabled else 0
    chat.join_request = request.enabled
    return changed(call, chat, chat.log.pts)


def set_discussion_group(call: Call, request: channels.SetDiscussionGroupRequest) -> bool:
    channel = call.chat(request.broadcast, "BROADCAST_ID_INVALID")
    none = isinstance(request.group, types.InputChannelEmpty)
    group = None if none else call.chat(request.group, "MEGAGROUP_ID_INVALID")
    if call.me.id != channel.creator or (group is not None and call.me.id != group.creator):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    if channel.megagroup:
        raise RpcError(400, "BROADCAST_ID_INVALID")
    if group is not None and not group.megagroup:
        raise RpcError(400, "MEGAGROUP_ID_INVALID")
    call.world.groups.link(channel, group)
    return True


def shown_as(call: Call, to: Account | Chat, given: TLObject) -> TLObject:
    """Return the peer that a message is shown as written by, None for the caller itself.

    People write as a channel of theirs, and as the group if they may be anonymous there. Raise
    SEND_AS_PEER_INVALID for anything else.
    """
    if given is None or isinstance(given, types.InputPeerSelf):
        return None
    chat = call.chat(given, "SEND_AS_PEER_INVALID")
    if isinstance(to, Chat) and to.megagroup and not call.me.is_bot:
        own = call.me.id == chat.creator and (chat is to or not chat.megagroup)
        if own or (chat is to and to.is_anonymous(call.me.id)):
            return peer_of(chat.marked)
    raise RpcError(400, "SEND_AS_PEER_INVALID")


def get_send_as(call: Call, request: channels.GetSendAsRequest) -> TLObject:
    chat, me = call.peer(request.peer), call.me
    if not isinstance(chat, Chat) or not chat.megagroup:
        return types.channels.SendAsPeers(
            [types.SendAsPeer(types.PeerUser(me.id))], [], [call.world.view.user(me, me)]
        )
    own = [each.marked for each in call.world.chats.values() if each.broadcast and each.creator == me.id]
    itself = [chat.marked] if me.id == chat.creator or chat.is_anonymous(me.id) else []
    marked = [me.id, *itself, *own]
    users, chats = call.world.view.beside(me, marked, complete=True)
    return types.channels.SendAsPeers([types.SendAsPeer(peer_of(number)) for number in marked], chats, users)


def get_common_chats(call: Call, request: messages.GetCommonChatsRequest) -> TLObject:
    user, me = call.user(request.user_id), call.me
    if user is me:
        raise RpcError(400, "USER_ID_INVALID")
    both = [chat for chat in call.world.chats.values() if {me.id, user.id} <= chat.members.keys()]
    both = [chat for chat in both if not request.max_id or chat.id < request.max_id]
    both.sort(key=lambda chat: -chat.id)
    page = both[: min(max(request.limit, 0), _PAGE)]
    shown = [call.world.view.chat(me, chat) for chat in page]
    if len(page) == len(both):
        return types.messages.Chats(shown)
    return types.messages.ChatsSlice(len(both), shown)


def get_public_channels(call: Call, request: channels.GetAdminedPublicChannelsRequest) -> TLObject:
    me = call.me
    own = [chat for chat in call.world.chats.values() if chat.creator == me.id and chat.usernames]
    return types.messages.Chats([call.world.view.chat(me, chat) for chat in own])


def get_chats(call: Call, request: messages.GetChatsRequest) -> TLObject:
    found = [call.world.chats.get(-number) for number in request.id]
    if any(chat is None or call.me.id not in chat.members for chat in found):
        raise RpcError(400, "CHAT_ID_INVALID")
    return types.messages.Chats([call.world.view.chat(call.me, chat) for chat in found if chat])


def get_channels(call: Call, request: channels.GetChannelsRequest) -> TLObject:
    found = [call.chat(given, "CHANNEL_INVALID") for given in request.id]
    return types.messages.Chats([call.world.view.chat(call.me, chat) for chat in found])


METHODS: Final = {
    channels.GetSendAsRequest: Method(get_send_as, Open.USERS),
    messages.GetCommonChatsRequest: Method(get_common_chats, Open.USERS),
    channels.GetAdminedPublicChannelsRequest: Method(get_public_channels, Open.USERS),
    messages.CreateChatRequest: Method(create_chat, Open.USERS),
    channels.CreateChannelRequest: Method(create_channel, Open.USERS),
    messages.MigrateChatRequest: Method(migrate_chat, Open.USERS),
    channels.ToggleJoinRequestRequest: Method(toggle_join_request, Open.USERS),
    channels.SetDiscussionGroupRequest: Method(set_discussion_group, Open.USERS),
    messages.GetChatsRequest: Method(get_chats),
    channels.GetChannelsRequest: Method(get_channels),
}
