"""What an update of the past says of users, into the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from telethon.tl import TLObject, types

from tgbot.core.access import Evidence, Kind
from tgbot.core.users import UserRegistry, Way
from tgbot.messaging.resolve import profile_of
from tgbot.telegram.updates.keys import dialog_of

#: Updates of the past that say something of users; the others, such as a new name, hold only when they come.
PAST: Final = frozenset(
    {
        types.UpdateNewMessage,
        types.UpdateBotStopped,
        types.UpdateBotChatInviteRequester,
        types.UpdateChatParticipant,
        types.UpdateChannelParticipant,
    }
)


class Reading:
    """Record what updates of the past say of users, in any order and any number of times.

    `sources` records an update of each kind as if it had just come. Nothing is noted as finished, so no
    update is skipped or handled again because of what is read. `now` is Telegram's time.
    """

    def __init__(
        self,
        users: UserRegistry,
        sources: Mapping[type[TLObject], Callable[[TLObject], None]],
        now: Callable[[], float],
    ) -> None:
        self._users = users
        self._sources = sources
        self._now = now

    def take(self, update: types.TypeUpdate, entities: Mapping[int, types.TypeUser | types.TypeChat]) -> int:
        """Record an update, with the users and chats that came with it by marked id.

        Return the id of the person who became known by it, 0 if nobody did. Who asked to be forgotten stays
        so: a registry that knows it learns nothing of them from before.
        """
        kind = type(update)
        if kind not in PAST:
            return 0
        message = update.message if kind is types.UpdateNewMessage else None
        person = max(dialog_of(update), 0)
        known = person > 0 and self._came(person)
        if person and not known:
            forgotten = self._users.last_finished(person)
            if forgotten and (message is None or message.id <= forgotten):
                return 0
        update._entities, update.replayed = entities, True
        if kind is types.UpdateBotChatInviteRequester and not self._is_news(person, update.qts):
            return 0
        self._sources[kind](update)
        if message is not None and message.out and person and type(message) is types.Message:
            self._sent(person, int(message.date.timestamp()), entities.get(person))
        return person if person and not known and self._came(person) else 0

    def _came(self, person: int) -> bool:
        user = self._users.get(person)
        return user is not None and user.came

    def _is_news(self, person: int, qts: int) -> bool:
        """Return whether a request to join is unknown: one that is known may have been answered since."""
        user = self._users.get(person)
        return user is None or user.last_qts < qts

    def _sent(self, person: int, at: int, entity: types.TypeUser | types.TypeChat | None) -> None:
        user = self._users.record(person, Evidence(Kind.SENT, at))
        if not user.came and isinstance(entity, types.User) and not entity.min:
            # Their own messages are deleted, or come later.
            self._users.seen(profile_of(entity), int(self._now()), Way.OTHER)
