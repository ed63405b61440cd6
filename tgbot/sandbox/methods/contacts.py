"""contacts.*: usernames, blocked users, contacts."""

from __future__ import annotations

from typing import Final

from telethon.tl import TLObject, types
from telethon.tl.functions import contacts

from ..accounts import Account
from ..botfather import USERNAME, botfather
from ..dialogs import peer_of
from ..rpc import RpcError
from .calls import Call, Method, Open

#: The fewest letters of a search, and the most that it finds of each kind.
_SHORTEST: Final = 3
_FOUND: Final = 50


def resolve_username(call: Call, request: contacts.ResolveUsernameRequest) -> TLObject:
    world = call.world
    world.limits.resolves(call.me)
    if request.username.lower() == USERNAME.lower():
        botfather(world)
    found = world.accounts.resolve(request.username)
    users, chats = world.view.beside(call.me, [found], complete=True)
    peer = types.PeerUser(found) if found > 0 else types.PeerChannel(world.chats[found].id)
    return types.contacts.ResolvedPeer(peer, chats, users)


def search(call: Call, request: contacts.SearchRequest) -> TLObject:
    me, world, text = call.me, call.world, request.q.strip().lstrip("@").casefold()
    if not text:
        raise RpcError(400, "SEARCH_QUERY_EMPTY")
    if len(text) < _SHORTEST:
        raise RpcError(400, "QUERY_TOO_SHORT")
    if USERNAME.lower().startswith(text):
        botfather(world)
    limit = min(max(request.limit, 0), _FOUND)
    known = dict.fromkeys([*me.contacts, *me.box.dialogs, *_channels_of(call)])
    mine = [number for number in known if _is_called(call, number, text)][:limit]
    others = [number for number in world.accounts.search(text) if number not in known and number != me.id]
    others = [number for number in others if _is_wanted(call, number, request)][:limit]
    users, chats = world.view.beside(me, [*mine, *others], complete=True)
    return types.contacts.Found(
        [peer_of(number) for number in mine], [peer_of(number) for number in others], chats, users
    )


def _channels_of(call: Call) -> list[int]:
    chats = call.world.chats.values()
    return [chat.marked for chat in chats if chat.channel and call.me.id in chat.members]


def _is_called(call: Call, number: int, text: str) -> bool:
    """Return whether a word of the name, or a username, of a dialog begins with a text."""
    account, chat = call.world.accounts.get(number), call.world.chats.get(number)
    if account is not None:
        names = [account.name, *account.name.split(), *account.usernames]
    else:
        names = [chat.title, *chat.title.split(), *chat.usernames] if chat is not None else []
    return any(name.casefold().startswith(text) for name in names)


def _is_wanted(call: Call, number: int, request: contacts.SearchRequest) -> bool:
    account, chat = call.world.accounts.get(number), call.world.chats.get(number)
    if request.bots or request.broadcasts:
        is_bot = account is not None and account.is_bot
        is_channel = chat is not None and chat.broadcast
        return bool((request.bots and is_bot) or (request.broadcasts and is_channel))
    return True


def resolve_phone(call: Call, request: contacts.ResolvePhoneRequest) -> TLObject:
    user = call.world.accounts.by_phone(request.phone.lstrip("+"))
    if user is None:
        raise RpcError(400, "PHONE_NOT_OCCUPIED")
    return types.contacts.ResolvedPeer(types.PeerUser(user.id), [], [call.world.view.user(call.me, user)])


def _blockable(call: Call, given: TLObject) -> Account:
    user = call.user(given, "PEER_ID_INVALID")
    if user is call.me:
        raise RpcError(400, "CONTACT_ID_INVALID")
    return user


def block(call: Call, request: contacts.BlockRequest) -> bool:
    call.world.block(call.me.id, _blockable(call, request.id).id)
    return True


def unblock(call: Call, request: contacts.UnblockRequest) -> bool:
    call.world.block(call.me.id, _blockable(call, request.id).id, blocked=False)
    return True


def get_blocked(call: Call, request: contacts.GetBlockedRequest) -> TLObject:
    ids = sorted(call.me.blocked)
    date = call.world.date()
    users, _ = call.world.view.beside(call.me, ids, complete=True)
    return types.contacts.Blocked(
        [types.PeerBlocked(types.PeerUser(number), date) for number in ids], [], users
    )


def get_contacts(call: Call, request: contacts.GetContactsRequest) -> TLObject:
    me = call.me
    ids = sorted(me.contacts)
    users, _ = call.world.view.beside(me, ids, complete=True)
    mutual = [me.id in call.world.accounts[number].contacts for number in ids]
    listed = [types.Contact(number, both) for number, both in zip(ids, mutual, strict=True)]
    return types.contacts.Contacts(listed, 0, users)


def add_contact(call: Call, request: contacts.AddContactRequest) -> TLObject:
    user = call.user(request.id, "CONTACT_ID_INVALID")
    if not request.first_name:
        raise RpcError(400, "CONTACT_NAME_EMPTY")
    call.me.contacts |= {user.id}
    return call.updates([types.UpdatePeerSettings(types.PeerUser(user.id), types.PeerSettings())], [user.id])


def import_contacts(call: Call, request: contacts.ImportContactsRequest) -> TLObject:
    imported, users = [], []
    for given in request.contacts:
        user = call.world.accounts.by_phone(given.phone.lstrip("+"))
        if user is not None:
            imported.append(types.ImportedContact(user.id, given.client_id))
            users.append(call.world.view.user(call.me, user))
    call.me.contacts |= {one.user_id for one in imported}
    return types.contacts.ImportedContacts(imported, [], [], users)


def delete_contacts(call: Call, request: contacts.DeleteContactsRequest) -> TLObject:
    users = [call.user(given) for given in request.id]
    call.me.contacts -= {user.id for user in users}
    return call.updates([], [user.id for user in users])


METHODS: Final = {
    contacts.ResolveUsernameRequest: Method(resolve_username),
    contacts.SearchRequest: Method(search, Open.USERS),
    contacts.ResolvePhoneRequest: Method(resolve_phone, Open.USERS),
    contacts.BlockRequest: Method(block, Open.USERS),
    contacts.UnblockRequest: Method(unblock, Open.USERS),
    contacts.GetBlockedRequest: Method(get_blocked, Open.USERS),
    contacts.GetContactsRequest: Method(get_contacts, Open.USERS),
    contacts.AddContactRequest: Method(add_contact, Open.USERS),
    contacts.ImportContactsRequest: Method(import_contacts, Open.USERS),
    contacts.DeleteContactsRequest: Method(delete_contacts, Open.USERS),
}
