"""Drafts of people: what they have written into a dialog and not sent, the same on all their devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from telethon.tl import TLObject, types

from .accounts import Account
from .dialogs import peer_of
from .feeds import Feeds


class Drafts:
    """The draft of each dialog, or topic, of each account."""

    def __init__(self, feeds: Feeds, date: Callable[[], int]) -> None:
        self._feeds = feeds
        self._date = date
        self._drafts: dict[int, dict[tuple[int, int | None], types.DraftMessage]] = {}

    def of(self, account: int, peer: int, topic: int | None = None) -> types.DraftMessage | None:
        """Return a draft, None for none."""
        return self._drafts.get(account, {}).get((peer, topic))

    def save(self, account: Account, peer: int, topic: int | None, draft: types.DraftMessage) -> None:
        """Replace a draft, and tell the other devices of the account."""
        self._drafts.setdefault(account.id, {})[peer, topic] = draft
        self._feeds.hand(account.id, self._update(peer, topic, draft), own=True)

    def clear(self, account: Account, peer: int, topic: int | None = None) -> None:
        """Remove a draft; tell the other devices of the account if there was one."""
        if self._drafts.get(account.id, {}).pop((peer, topic), None) is not None:
            empty = types.DraftMessageEmpty(self._date())
            self._feeds.hand(account.id, self._update(peer, topic, empty), own=True)

    def clear_all(self, account: Account) -> None:
        """Remove all drafts of an account."""
        for peer, topic in list(self._drafts.get(account.id, {})):
            self.clear(account, peer, topic)

    def updates(self, account: int) -> Iterator[tuple[int, types.UpdateDraftMessage]]:
        """Yield the marked id of each dialog with a draft, and the update about it."""
        for (peer, topic), draft in self._drafts.get(account, {}).items():
            yield peer, self._update(peer, topic, draft)

    def _update(self, peer: int, topic: int | None, draft: TLObject) -> types.UpdateDraftMessage:
        return types.UpdateDraftMessage(peer_of(peer), draft, top_msg_id=topic)
