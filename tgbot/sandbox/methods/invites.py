"""messages.* about invite links: made, changed, revoked, listed, and who joined with them."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, TLRequest, types
from telethon.tl.functions import messages

from ..accounts import Account
from ..chats import Chat, Invite
from ..mentions import named
from ..participants import exported
from ..rpc import RpcError
from .calls import Call, Method, Open
from .joining import hash_of
from .permits import chat_of, demand, moment

_TITLE: Final = 32
_MOST_USES: Final = 99_999
_PAGE: Final = 100


def _chat(call: Call, given: TLObject) -> Chat:
    return demand(call, chat_of(call, given), "invite_users")


def export(call: Call, request: messages.ExportChatInviteRequest) -> TLObject:
    chat, me = _chat(call, request.peer), call.me
    if request.request_needed and request.usage_limit:
        raise RpcError(400, "USAGE_LIMIT_INVALID")
    permanent = bool(request.legacy_revoke_permanent)
    invite = call.world.groups.invite(
        chat,
        me.id,
        request_needed=bool(request.request_needed),
        title=(request.title or "").strip()[:_TITLE],
        expires=_end(call, request),
        limit=_uses(request),
        permanent=permanent,
    )
    return exported(invite)


def _end(call: Call, request: TLRequest) -> int:
    """Return when a link is to expire, 0 for never."""
    end = moment(request.expire_date)
    if end and end <= call.world.date():
        raise RpcError(400, "EXPIRE_DATE_INVALID")
    return end


def _uses(request: TLRequest) -> int:
    limit = request.usage_limit or 0
    if not 0 <= limit <= _MOST_USES:
        raise RpcError(400, "USAGE_LIMIT_INVALID")
    return limit


def _invite(call: Call, chat: Chat, link: str) -> Invite:
    """Return a link of the caller; the creator of a chat may name any."""
    invite = chat.invites.get(hash_of(link))
    if invite is None:
        raise RpcError(400, "INVITE_HASH_EXPIRED")
    if call.me.id not in (invite.admin, chat.creator):
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return invite


def edit(call: Call, request: messages.EditExportedChatInviteRequest) -> TLObject:
    chat = _chat(call, request.peer)
    invite = _invite(call, chat, request.link)
    if invite.revoked:
        raise RpcError(400, "INVITE_HASH_EXPIRED")
    author = call.world.accounts.get(invite.admin)
    if author is not None and author.is_bot and author is not call.me and not request.revoked:
        raise RpcError(403, "EDIT_BOT_INVITE_FORBIDDEN")
    if request.revoked:
        return _revoke(call, chat, invite)
    if invite.permanent:
        raise RpcError(400, "CHAT_INVITE_PERMANENT")
    end, limit = _end(call, request), _uses(request)
    needed = invite.request_needed if request.request_needed is None else request.request_needed
    if needed and (limit or (request.usage_limit is None and invite.limit)):
        raise RpcError(400, "USAGE_LIMIT_INVALID")
    invite.request_needed = needed
    if request.expire_date is not None:
        invite.expires = end
    if request.usage_limit is not None:
        invite.limit = limit
    if request.title is not None:
        invite.title = request.title.strip()[:_TITLE]
    invite.changed = call.world.date()
    return types.messages.ExportedChatInvite(exported(invite), _users(call, [invite]))


def _revoke(call: Call, chat: Chat, invite: Invite) -> TLObject:
    """Revoke a link; the main link of an admin is replaced by a new one."""
    invite.revoked = True
    if not invite.permanent:
        return types.messages.ExportedChatInvite(exported(invite), _users(call, [invite]))
    new = call.world.groups.invite(chat, invite.admin, permanent=True)
    return types.messages.ExportedChatInviteReplaced(exported(invite), exported(new), _users(call, [invite]))


def get_one(call: Call, request: messages.GetExportedChatInviteRequest) -> TLObject:
    invite = _invite(call, _chat(call, request.peer), request.link)
    return types.messages.ExportedChatInvite(exported(invite), _users(call, [invite]))


def get_all(call: Call, request: messages.GetExportedChatInvitesRequest) -> TLObject:
    chat = _chat(call, request.peer)
    admin = _admin(call, chat, request.admin_id)
    found = [one for one in _newest(chat, admin) if one.revoked == bool(request.revoked)]
    count, after = len(found), hash_of(request.offset_link or "")
    if request.offset_date is not None or after:
        date = moment(request.offset_date)
        found = [one for one in found if (-one.date, one.hash) > (-date, after)]
    page = found[: min(max(request.limit, 0), _PAGE)]
    return types.messages.ExportedChatInvites(count, [exported(one) for one in page], _users(call, page))


def _newest(chat: Chat, admin: int) -> list[Invite]:
    mine = [invite for invite in chat.invites.values() if invite.admin == admin]
    return sorted(mine, key=lambda invite: (-invite.date, invite.hash))


def _admin(call: Call, chat: Chat, given: TLObject) -> int:
    """Return the admin whose links are asked for: the caller, or for the creator any."""
    admin = call.user(given, "ADMIN_ID_INVALID")
    if admin is not call.me and call.me.id != chat.creator:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    return admin.id


def delete(call: Call, request: messages.DeleteExportedChatInviteRequest) -> bool:
    chat = _chat(call, request.peer)
    invite = _invite(call, chat, request.link)
    if not invite.revoked:
        raise RpcError(400, "INVITE_REVOKED_MISSING")
    call.world.groups.forget(chat, invite)
    return True


def delete_revoked(call: Call, request: messages.DeleteRevokedExportedChatInvitesRequest) -> bool:
    chat = _chat(call, request.peer)
    for invite in _newest(chat, _admin(call, chat, request.admin_id)):
        if invite.revoked:
            call.world.groups.forget(chat, invite)
    return True


def get_admins(call: Call, request: messages.GetAdminsWithInvitesRequest) -> TLObject:
    chat = _chat(call, request.peer)
    if call.me.id != chat.creator:
        raise RpcError(400, "CHAT_ADMIN_REQUIRED")
    admins = []
    for number in dict.fromkeys(invite.admin for invite in chat.invites.values()):
        revoked = [invite.revoked for invite in _newest(chat, number)]
        admins.append(types.ChatAdminWithInvites(number, revoked.count(False), revoked.count(True)))
    users, _ = call.world.view.beside(call.me, [one.admin_id for one in admins], complete=True)
    return types.messages.ChatAdminsWithInvites(admins, users)


def get_importers(call: Call, request: messages.GetChatInviteImportersRequest) -> TLObject:
    chat = _chat(call, request.peer)
    listed = _waiting(chat, request) if request.requested else _came(call, chat, request)
    sought = (request.q or "").casefold()
    if sought:
        listed = [one for one in listed if sought in _name(call, one.user_id)]
    listed.sort(key=lambda one: (-one.date, -one.user_id))
    count = len(listed)
    if date := moment(request.offset_date):
        last = getattr(request.offset_user, "user_id", 0)
        listed = [one for one in listed if (one.date, one.user_id) < (date, last)]
    page = listed[: min(max(request.limit, 0), _PAGE)]
    users, _ = call.world.view.beside(call.me, dict.fromkeys(named(page)), complete=True)
    return types.messages.ChatInviteImporters(count, page, users)


def _waiting(chat: Chat, request: TLRequest) -> list[types.ChatInviteImporter]:
    """Return the open requests, of one link or of all."""
    return [
        types.ChatInviteImporter(each.user, each.date, requested=True, about=each.about)
        for each in chat.requests.values()
        if not request.link or each.invite.hash == hash_of(request.link)
    ]


def _came(call: Call, chat: Chat, request: TLRequest) -> list[types.ChatInviteImporter]:
    """Return those who joined with a link."""
    if not request.link:
        return []
    invite = _invite(call, chat, request.link)
    return [
        types.ChatInviteImporter(number, date, approved_by=invite.approved.get(number))
        for number, date in invite.joined.items()
    ]


def _name(call: Call, number: int) -> str:
    account: Account = call.world.accounts[number]
    return " ".join([account.name, *account.usernames]).casefold()


def _users(call: Call, invites: list[Invite]) -> list[TLObject]:
    users, _ = call.world.view.beside(
        call.me, dict.fromkeys(invite.admin for invite in invites), complete=True
    )
    return users


METHODS: Final = {
    messages.ExportChatInviteRequest: Method(export),
    messages.EditExportedChatInviteRequest: Method(edit),
    messages.GetExportedChatInviteRequest: Method(get_one),
    messages.GetExportedChatInvitesRequest: Method(get_all, Open.USERS),
    messages.DeleteExportedChatInviteRequest: Method(delete, Open.USERS),
    messages.DeleteRevokedExportedChatInvitesRequest: Method(delete_revoked, Open.USERS),
    messages.GetAdminsWithInvitesRequest: Method(get_admins, Open.USERS),
    messages.GetChatInviteImportersRequest: Method(get_importers, Open.USERS),
}
