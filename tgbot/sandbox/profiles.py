"""What people show of themselves: names, photos, whether they are online; others are told of changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from telethon.tl import types

from .accounts import Account, Accounts
from .feeds import Feeds
from .view import status

#: Seconds for which a person is online, unless their app says so again.
ONLINE_SECONDS: Final = 300


class Profiles:
    """Change profiles; the account itself, and who has a dialog with a person, get the update."""

    def __init__(self, accounts: Accounts, feeds: Feeds, date: Callable[[], int]) -> None:
        self._accounts = accounts
        self._feeds = feeds
        self._date = date
        #: Whether others in a dialog are told of changes.
        self.announced = True

    def _audience(self, account: Account) -> list[int]:
        audience = [account.id]
        if self.announced and not account.is_bot:
            audience += [peer for peer in account.box.dialogs if peer > 0 and peer != account.id]
        return audience

    def tell_name(self, account: Account) -> None:
        """Send updateUserName with the names that an account has now."""
        for viewer in self._audience(account):
            usernames = [
                types.Username(name, active=True, editable=index == 0 or None)
                for index, name in enumerate(account.usernames)
            ]
            update = types.UpdateUserName(account.id, account.first_name, account.last_name, usernames)
            self._feeds.hand(viewer, update)

    def set_photos(self, account: Account, *photos: types.Photo) -> None:
        """Replace the profile photos of an account."""
        account.photos = photos
        for viewer in self._audience(account):
            self._feeds.hand(viewer, types.UpdateUser(account.id))

    def set_online(self, account: Account, *, online: bool) -> None:
        """Mark a person as online for some minutes, or as offline; bots are not told."""
        now = self._date()
        account.seen_at, account.online_until = now, now + ONLINE_SECONDS if online else 0
        for viewer in self._audience(account):
            if viewer != account.id and not self._accounts[viewer].is_bot:
                self._feeds.hand(viewer, types.UpdateUserStatus(account.id, status(account, now)))
