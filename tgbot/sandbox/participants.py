"""Members of a chat as TL objects, and its invite links and open requests."""

from __future__ import annotations

from telethon.tl import TLObject, types

from .chats import Chat, Invite
from .dialogs import peer_of
from .rights import full_admin


def participant(chat: Chat, number: int, viewer: int = 0, now: int = 0) -> TLObject | None:
    """Build the TL participant of an account in a chat; return None if it has nothing to do with it.

    Who is restricted or banned in a channel is a participant, too. `viewer` sees whom it may edit.
    """
    since = chat.members.get(number)
    rank = chat.ranks.get(number)
    if not chat.channel:
        return _of_group(chat, number, since, rank)
    if number == chat.creator and since is not None:
        rights = full_admin()
        rights.anonymous = bool(getattr(chat.admins.get(number), "anonymous", False))
        return types.ChannelParticipantCreator(number, rights, rank=rank)
    rights = chat.admins.get(number)
    by = chat.promoters.get(number, chat.creator)
    if since is not None and rights is not None:
        return types.ChannelParticipantAdmin(
            number,
            by,
            since,
            rights,
            can_edit=(viewer in (chat.creator, by) and viewer != number) or None,
            is_self=viewer == number or None,
            inviter_id=chat.inviters.get(number, number) if viewer == number else None,
            rank=rank,
        )
    restriction = chat.restriction(number, now)
    if restriction is not None:
        return types.ChannelParticipantBanned(
            peer_of(number),
            restriction.by,
            restriction.date,
            restriction.rights,
            left=since is None or None,
            rank=rank,
        )
    if since is None:
        return None
    if viewer == number:
        return types.ChannelParticipantSelf(number, chat.inviters.get(number, number), since, rank=rank)
    return types.ChannelParticipant(number, since, rank=rank)


def _of_group(chat: Chat, number: int, since: int | None, rank: str | None) -> TLObject | None:
    if since is None:
        return None
    if number == chat.creator:
        return types.ChatParticipantCreator(number, rank=rank)
    kind = types.ChatParticipant if chat.admins.get(number) is None else types.ChatParticipantAdmin
    return kind(number, chat.inviters.get(number, chat.creator), since, rank=rank)


def all_of_group(chat: Chat) -> types.ChatParticipants:
    """Build the list of the members of a basic group."""
    return types.ChatParticipants(chat.id, [participant(chat, each) for each in chat.members], chat.version)


def exported(invite: Invite) -> types.TypeExportedChatInvite:
    """Build the TL form of an invite link; one without a hash stands for a public chat."""
    if not invite.hash:
        return types.ChatInvitePublicJoinRequests()
    return types.ChatInviteExported(
        invite.link,
        invite.admin,
        invite.date,
        revoked=invite.revoked or None,
        permanent=invite.permanent or None,
        request_needed=invite.request_needed or None,
        start_date=invite.changed or None,
        expire_date=invite.expires or None,
        usage_limit=invite.limit or None,
        usage=invite.usage or None,
        requested=invite.requested or None,
        title=invite.title or None,
    )


def pending(chat: Chat) -> types.UpdatePendingJoinRequests:
    """Build the update about open requests for an admin who is not a bot."""
    return types.UpdatePendingJoinRequests(peer_of(chat.marked), len(chat.requests), list(chat.requests)[-3:])
