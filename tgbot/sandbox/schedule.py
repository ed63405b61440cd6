"""Messages of people that are sent at a later moment, by the world's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from telethon.tl import types

from .accounts import Account, Accounts
from .agenda import Agenda
from .dialogs import Copy, Post, peer_of
from .feeds import Feeds
from .polls import Poll, Polls
from .posts import Posts
from .rpc import RpcError

#: The most messages that wait in one dialog.
MOST: Final = 100
#: Messages for a moment so near, in seconds, are sent at once.
AT_ONCE: Final = 10
#: The latest moment, in seconds from now.
LATEST: Final = 366 * 86400
#: The date that stands for "when the other is online".
ONLINE: Final = 0x7FFFFFFE


@dataclass(slots=True, eq=False)
class Scheduled:
    """A message that waits. Its copy has an id of its own, which is not that of the message that is sent."""

    copy: Copy
    random_id: int
    #: Its number on the agenda.
    due: int = 0

    @property
    def message(self) -> types.Message:
        """The TL message, whose date is the moment at which it will be sent."""
        return self.copy.message()


class Schedule:
    """All messages that wait, by account and dialog."""

    def __init__(
        self,
        accounts: Accounts,
        feeds: Feeds,
        posts: Posts,
        polls: Polls,
        agenda: Agenda,
        date: Callable[[], int],
        check: Callable[[Account, int], None],
    ) -> None:
        self._accounts = accounts
        self._feeds = feeds
        self._posts = posts
        self._polls = polls
        self._agenda = agenda
        self._date = date
        #: Raises an RPC error if the account may not write to the marked id.
        self._check = check
        self._waiting: dict[tuple[int, int], dict[int, Scheduled]] = {}
        self._last: dict[tuple[int, int], int] = {}

    def of(self, account: int, peer: int) -> list[Scheduled]:
        """Return what waits in one dialog of an account, the latest moment first."""
        waiting = self._waiting.get((account, peer), {}).values()
        return sorted(waiting, key=lambda each: (each.copy.post.date, each.copy.id), reverse=True)

    def get(self, account: int, peer: int, number: int) -> Scheduled:
        """Return a message that waits; raise MESSAGE_ID_INVALID."""
        found = self._waiting.get((account, peer), {}).get(number)
        if found is None:
            raise RpcError(400, "MESSAGE_ID_INVALID")
        return found

    def earlier(self, account: int, peer: int, random_id: int) -> Scheduled | None:
        """Return what waits under a random_id, None for nothing."""
        waiting = self._waiting.get((account, peer), {}).values()
        return next((each for each in waiting if each.random_id == random_id), None)

    def moment(self, when: int) -> int:
        """Return the moment for a message, 0 for at once; raise SCHEDULE_DATE_…."""
        now = self._date()
        if when == ONLINE:  # nobody's status is shown here
            raise RpcError(400, "SCHEDULE_STATUS_PRIVATE")
        if when < 0:
            raise RpcError(400, "SCHEDULE_DATE_INVALID")
        if when > now + LATEST:
            raise RpcError(400, "SCHEDULE_DATE_TOO_LATE")
        return when if when > now + AT_ONCE else 0

    def add(
        self,
        account: Account,
        peer: int,
        post: Post,
        *,
        random_id: int,
        reply_to: int | None = None,
        topic: int | None = None,
    ) -> Scheduled:
        """Keep a message until the date of its post; raise SCHEDULE_TOO_MUCH."""
        key = account.id, peer
        waiting = self._waiting.setdefault(key, {})
        if len(waiting) >= MOST:
            raise RpcError(400, "SCHEDULE_TOO_MUCH")
        copy = Copy(account.id, peer, post, out=True, reply_to=reply_to, topic=topic)
        post.copies.remove(copy)  # nobody has the message yet
        copy.id = self._last[key] = self._last.get(key, 0) + 1
        scheduled = waiting[copy.id] = Scheduled(copy, random_id)
        self.plan(scheduled)
        return scheduled

    def plan(self, scheduled: Scheduled) -> None:
        """Put a message on the agenda, also after its date has changed."""
        self._agenda.cancel(scheduled.due)
        scheduled.due = self._agenda.at(scheduled.copy.post.date, self._fire, scheduled)

    def drop(self, scheduled: Scheduled) -> None:
        """Forget a message that waits."""
        copy = scheduled.copy
        self._waiting[copy.owner, copy.peer].pop(copy.id, None)
        self._agenda.cancel(scheduled.due)

    def send(self, scheduled: Scheduled) -> Copy:
        """Send a message now; raise the RPC error of a send that is refused."""
        copy, post = scheduled.copy, scheduled.copy.post
        account = self._accounts[copy.owner]
        self._check(account, copy.peer)
        self.drop(scheduled)
        post.date = self._date()
        post.edit_date = None
        post.extras = (post.extras or {}) | {"from_scheduled": True}
        sent = self._posts.add(
            account, copy.peer, post, random_id=scheduled.random_id, reply_to=copy.reply_to, topic=copy.topic
        )
        if isinstance(post.media, Poll):
            self._polls.opened(post.media)
        return sent

    def _fire(self, scheduled: Scheduled) -> None:
        copy = scheduled.copy
        gone = types.UpdateDeleteScheduledMessages(peer_of(copy.peer), [copy.id])
        try:
            gone.sent_messages = [self.send(scheduled).id]
        except RpcError:
            self.drop(scheduled)  # it cannot be sent any more
        self._feeds.hand(copy.owner, gone)
