"""channels.* and messages.* about members: lists, admins, restrictions, bans, slow mode."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import channels, messages

from ..accounts import Account
from ..chats import Chat
from ..mentions import named
from ..participants import participant
from ..rights import ADMIN, FORBIDDABLE, FOREVER, any_of, forbidden
from ..rpc import RpcError
from .calls import Call, Method, Open
from .chats import changed
from .permits import chat_of, demand, demand_allowed, moment

_PAGE: Final = 200
_RANK: Final = 16
_SLOW: Final = (0, 10, 30, 60, 300, 900, 3600)
#: The rights of an admin of a basic group.
_GROUP_ADMIN: Final = (
    "change_info",
    "delete_messages",
    "ban_users",
    "invite_users",
    "pin_messages",
    "manage_call",
    "other",
)
#: Symbols and the parts of which emoji are made: they are not allowed in titles of admins.
_EMOJI: Final = ("So", "Sk", "Cs")


# -- who is there


def get_participants(call: Call, request: channels.GetParticipantsRequest) -> TLObject:
    chat, wanted = call.chat(request.channel, "CHANNEL_INVALID"), request.filter
    if request.offset < 0:
        raise RpcError(400, "OFFSET_INVALID")
    admin = chat.is_admin(call.me.id)
    restricted = isinstance(wanted, types.ChannelParticipantsBanned | types.ChannelParticipantsKicked)
    if not admin and (restricted or chat.broadcast or call.me.id not in chat.members):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    found = list(_filtered(call, chat, wanted))
    if chat.hides_members and not admin:
        found = [number for number in found if chat.is_admin(number) or _is_bot(call, number)]
    page = found[request.offset :][: min(max(request.limit, 0), _PAGE)]
    shown = [participant(chat, number, call.me.id, call.world.date()) for number in page]
    users, chats = call.world.view.beside(call.me, [chat.marked, *_named(shown)], complete=True)
    return types.channels.ChannelParticipants(len(found), shown, chats, users)


def _named(shown: object) -> dict[int, None]:
    return dict.fromkeys(number for number in named(shown) if number)


def _filtered(call: Call, chat: Chat, wanted: TLObject) -> Iterator[int]:
    """Yield those whom a filter lets through: who came last comes first."""
    text = getattr(wanted, "q", None) or ""
    if isinstance(wanted, types.ChannelParticipantsBanned | types.ChannelParticipantsKicked):
        banned = isinstance(wanted, types.ChannelParticipantsKicked)
        for number in reversed(chat.restrictions):
            restriction = chat.restriction(number, call.world.date())
            if restriction is not None and restriction.banned == banned and _is_called(call, number, text):
                yield number
        return
    if isinstance(wanted, types.ChannelParticipantsMentions) and wanted.top_msg_id:
        raise RpcError(501, "CHANNELS_GETPARTICIPANTS_TOP_MSG_ID_NOT_IMPLEMENTED")
    for number in reversed(chat.members):
        if isinstance(wanted, types.ChannelParticipantsAdmins) and not chat.is_admin(number):
            continue
        if isinstance(wanted, types.ChannelParticipantsBots) and not _is_bot(call, number):
            continue
        if isinstance(wanted, types.ChannelParticipantsContacts) and number not in call.me.contacts:
            continue
        if _is_called(call, number, text):
            yield number


def _is_bot(call: Call, number: int) -> bool:
    account = call.world.accounts.get(number)
    return account is not None and account.is_bot


def _is_called(call: Call, number: int, text: str) -> bool:
    """Return whether a word of a name or a username begins with a text."""
    account = call.world.accounts.get(number)
    words = [*account.name.casefold().split(), *account.usernames] if account is not None else []
    sought = text.casefold().strip().lstrip("@")
    return not sought or any(word.casefold().startswith(sought) for word in [*words, " ".join(words)])


def get_participant(call: Call, request: channels.GetParticipantRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    number = _marked(call, request.participant)
    if number != call.me.id and not chat.is_admin(call.me.id):
        if chat.broadcast:
            raise RpcError(400, "CHAT_ADMIN_REQUIRED")
        if call.me.id not in chat.members and not chat.usernames:
            raise RpcError(400, "CHANNEL_PRIVATE")
    found = participant(chat, number, call.me.id, call.world.date())
    if found is None:
        raise RpcError(400, "USER_NOT_PARTICIPANT")
    users, chats = call.world.view.beside(call.me, [chat.marked, *_named(found)], complete=True)
    return types.channels.ChannelParticipant(found, chats, users)


def _marked(call: Call, given: TLObject) -> int:
    """Return the marked id of a member: of a user, or of a channel that writes as itself."""
    if isinstance(given, types.InputPeerChannel):
        return call.chat(given, "PARTICIPANT_ID_INVALID").marked
    return call.user(given, "PARTICIPANT_ID_INVALID").id


# -- who comes and goes


def add_chat_user(call: Call, request: messages.AddChatUserRequest) -> TLObject:
    chat = demand_allowed(call, call.chat(types.InputPeerChat(request.chat_id)), "invite_users")
    if not call.world.groups.add(chat, call.user(request.user_id), by=call.me.id):
        raise RpcError(400, "USER_ALREADY_PARTICIPANT")
    return types.messages.InvitedUsers(changed(call, chat), [])


def invite_to_channel(call: Call, request: channels.InviteToChannelRequest) -> TLObject:
    chat = demand_allowed(call, call.chat(request.channel, "CHANNEL_INVALID"), "invite_users")
    since, now = chat.log.pts, call.world.date()
    users = [call.user(given) for given in request.users]
    if not users:
        raise RpcError(400, "USERS_TOO_FEW")
    for user in users:
        if user.is_bot and not chat.megagroup:
            raise RpcError(400, "USER_BOT")
        if chat.is_banned(user.id, now) and not chat.has_right(call.me.id, "ban_users"):
            raise RpcError(400, "USER_KICKED")
    missing = [user.id for user in users if call.me.id in user.blocked]
    for user in users:
        if user.id not in missing:
            call.world.groups.add(chat, user, by=call.me.id)
    return invited(changed(call, chat, since), missing)


def invited(updates: TLObject, missing: list[int]) -> TLObject:
    """Build the answer to an invitation: who has blocked the caller could not be added."""
    return types.messages.InvitedUsers(updates, [types.MissingInvitee(number) for number in missing])


def delete_chat_user(call: Call, request: messages.DeleteChatUserRequest) -> TLObject:
    chat, me = call.chat(types.InputPeerChat(request.chat_id)), call.me
    user = call.user(request.user_id)
    invited_by_me = chat.inviters.get(user.id) == me.id and user.id not in chat.admins
    ordinary = user.id != chat.creator and (user.id not in chat.admins or invited_by_me)
    if user is not me and me.id != chat.creator and not invited_by_me:
        if not chat.has_right(me.id, "ban_users"):
            raise RpcError(400, "CHAT_ADMIN_REQUIRED")
        if not ordinary:
            raise RpcError(400, "USER_ADMIN_INVALID")
    call.world.groups.remove(chat, user, by=me.id)
    if request.revoke_history:
        copies = [copy for number in me.box.history(chat.marked) if (copy := me.box.get(number))]
        call.world.posts.delete([copy for copy in copies if copy.post.sender == user.id], revoke=True)
    return changed(call, chat)


def leave_channel(call: Call, request: channels.LeaveChannelRequest) -> TLObject:
    chat = call.chat(request.channel, "CHANNEL_INVALID")
    if call.me.id == chat.creator:
        raise RpcError(400, "USER_CREATOR")
    since = chat.log.pts
    call.world.groups.remove(chat, call.me, by=call.me.id)
    return changed(call, chat, since)


# -- admins


def edit_chat_admin(call: Call, request: messages.EditChatAdminRequest) -> bool:
    chat = call.chat(types.InputPeerChat(request.chat_id))
    rights = types.ChatAdminRights(**dict.fromkeys(_GROUP_ADMIN, True)) if request.is_admin else None
    user = call.user(request.user_id)
    if call.me.id != chat.creator:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    _promotable(call, chat, user)
    call.world.groups.promote(chat, user, rights, by=call.me.id)
    return True


def edit_admin(call: Call, request: channels.EditAdminRequest) -> TLObject:
    chat, me = call.chat(request.channel, "CHANNEL_INVALID"), call.me
    user, rights = call.user(request.user_id), request.admin_rights
    given = [name for name in ADMIN if getattr(rights, name)]
    own = user is me and me.id == chat.creator
    if not own:
        demand(call, chat, "add_admins")
        _promotable(call, chat, user)
        if me.id != chat.creator:
            if user.id in chat.admins and chat.promoters.get(user.id) != me.id:
                raise RpcError(400, "CHAT_ADMIN_REQUIRED")
            if not all(chat.has_right(me.id, name) for name in given):
                raise RpcError(403, "RIGHT_FORBIDDEN")
    rank = _rank(request.rank)
    since = chat.log.pts
    if own:  # creators have all rights, and choose their title and whether they are anonymous
        rights = types.ChatAdminRights(anonymous=True) if rights.anonymous else None
    call.world.groups.promote(chat, user, rights if given else None, by=me.id, rank=rank)
    return changed(call, chat, since)


def edit_rank(call: Call, request: messages.EditChatParticipantRankRequest) -> TLObject:
    chat, me = chat_of(call, request.peer), call.me
    if chat.broadcast:
        raise RpcError(400, "CHAT_ID_INVALID")
    user = call.user(request.participant, "PARTICIPANT_ID_INVALID")
    own = user is me and chat.allows(me.id, "edit_rank", call.world.date())
    if not own and (user.id == chat.creator or not chat.has_right(me.id, "manage_ranks")):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    if user.id not in chat.members:
        raise RpcError(400, "USER_NOT_PARTICIPANT")
    rank = _rank(request.rank) or ""
    if rank == chat.ranks.get(user.id, ""):
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    since = chat.log.pts
    call.world.groups.set_rank(chat, user, rank)
    return changed(call, chat, since)


def _rank(rank: str | None) -> str | None:
    if rank is None:
        return None
    if len(rank) > _RANK:
        raise RpcError(400, "ADMIN_RANK_INVALID")
    if any(unicodedata.category(letter) in _EMOJI for letter in rank):
        raise RpcError(400, "ADMIN_RANK_EMOJI_NOT_ALLOWED")
    return rank


def _promotable(call: Call, chat: Chat, user: Account) -> None:
    if user is call.me or user.id == chat.creator:
        raise RpcError(400, "USER_CREATOR")
    if user.deleted:
        raise RpcError(400, "INPUT_USER_DEACTIVATED")
    if user.id not in chat.members and not (chat.channel and user.is_bot):
        raise RpcError(400, "USER_NOT_PARTICIPANT")


# -- restrictions


def edit_banned(call: Call, request: channels.EditBannedRequest) -> TLObject:
    chat, rights = call.chat(request.channel, "CHANNEL_INVALID"), request.banned_rights
    demand(call, chat, "ban_users")
    number = _marked(call, request.participant)
    mine = chat.promoters.get(number) == call.me.id or call.me.id == chat.creator
    if number in (call.me.id, chat.creator) or (number in chat.admins and not mine):
        raise RpcError(400, "USER_ADMIN_INVALID")
    if not rights.view_messages and any_of(rights, FORBIDDABLE) and (chat.broadcast or number < 0):
        raise RpcError(406, "BANNED_RIGHTS_INVALID")
    since = chat.log.pts
    call.world.groups.restrict(chat, number, rights, moment(rights.until_date), by=call.me.id)
    return changed(call, chat, since)


def edit_default_rights(call: Call, request: messages.EditChatDefaultBannedRightsRequest) -> TLObject:
    chat, rights = chat_of(call, request.peer), request.banned_rights
    if chat.broadcast:
        raise RpcError(400, "CHAT_ID_INVALID")
    demand(call, chat, "ban_users")
    if rights.view_messages:
        raise RpcError(406, "BANNED_RIGHTS_INVALID")
    if moment(rights.until_date) not in (0, FOREVER):
        raise RpcError(400, "UNTIL_DATE_INVALID")
    if forbidden(rights, FOREVER).to_dict() == chat.default_rights.to_dict():
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    since = chat.log.pts
    call.world.groups.forbid(chat, rights)
    return changed(call, chat, since)


def toggle_slow_mode(call: Call, request: channels.ToggleSlowModeRequest) -> TLObject:
    chat = demand(call, call.chat(request.channel, "CHANNEL_INVALID"), "ban_users")
    if not chat.megagroup:
        raise RpcError(400, "CHAT_ID_INVALID")
    if request.seconds not in _SLOW:
        raise RpcError(400, "SECONDS_INVALID")
    if request.seconds == chat.slow_seconds:
        raise RpcError(400, "CHAT_NOT_MODIFIED")
    chat.last_sent.clear()
    call.world.groups.set(chat, slow_seconds=request.seconds)
    return changed(call, chat, chat.log.pts)


def delete_history_of(call: Call, request: channels.DeleteParticipantHistoryRequest) -> TLObject:
    chat = demand(call, call.chat(request.channel, "CHANNEL_INVALID"), "delete_messages")
    if not chat.megagroup:
        raise RpcError(400, "CHAT_ID_INVALID")
    number = _marked(call, request.participant)
    copies = [copy for copy in chat.box if copy.post.sender == number and not copy.makes_topic]
    count = call.world.posts.delete_in_channel(chat, copies, call.me)
    return types.messages.AffectedHistory(chat.log.pts, count, 0)


METHODS: Final = {
    channels.GetParticipantsRequest: Method(get_participants),
    channels.GetParticipantRequest: Method(get_participant),
    messages.AddChatUserRequest: Method(add_chat_user, Open.USERS),
    channels.InviteToChannelRequest: Method(invite_to_channel, Open.USERS),
    messages.DeleteChatUserRequest: Method(delete_chat_user),
    channels.LeaveChannelRequest: Method(leave_channel),
    messages.EditChatAdminRequest: Method(edit_chat_admin, Open.USERS),
    channels.EditAdminRequest: Method(edit_admin),
    messages.EditChatParticipantRankRequest: Method(edit_rank),
    channels.EditBannedRequest: Method(edit_banned),
    messages.EditChatDefaultBannedRightsRequest: Method(edit_default_rights),
    channels.ToggleSlowModeRequest: Method(toggle_slow_mode, Open.USERS),
    channels.DeleteParticipantHistoryRequest: Method(delete_history_of, Open.USERS),
}
