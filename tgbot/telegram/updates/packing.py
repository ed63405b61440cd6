"""An update with its users and chats as bytes, and back: a TL object `updates`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from telethon.extensions import BinaryReader
from telethon.tl import TLObject, types

from tgbot.telegram.updates.keys import marked_entity


def pack(
    updates: Sequence[types.TypeUpdate], entities: Mapping[int, types.TypeUser | types.TypeChat]
) -> bytes:
    """Return updates as bytes, with those of the users and chats that they name.

    Raise whatever Telethon raises where one has no TL form.
    """
    named = {number for update in updates for number in _numbers(update)}
    involved = [entity for entity in entities.values() if entity.id in named]
    users = [entity for entity in involved if isinstance(entity, _USERS)]
    chats = [entity for entity in involved if not isinstance(entity, _USERS)]
    return bytes(types.Updates(list(updates), users, chats, None, 0))


def unpack(
    packed: bytes,
) -> tuple[list[types.TypeUpdate], dict[int, types.TypeUser | types.TypeChat]]:
    """Return the updates in these bytes, and their users and chats by marked id.

    Raise whatever Telethon raises where they cannot be read, as bytes of an older Telethon may be.
    """
    container = BinaryReader(packed).tgread_object()
    entities = {marked_entity(entity): entity for entity in (*container.users, *container.chats)}
    for update in container.updates:
        update._entities = entities
    return container.updates, entities


_USERS = (types.User, types.UserEmpty)


def _numbers(value: object) -> Iterator[int]:
    """Yield all whole numbers in a TL object; ids of users and chats are among them."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, TLObject):
        for name, one in vars(value).items():
            if not name.startswith("_"):
                yield from _numbers(one)
