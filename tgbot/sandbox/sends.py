"""Sent messages by random_id: a repeated send gets the earlier message.

Source: https://core.telegram.org/api/updates#updatemessageid-updates
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from .dialogs import Copy
from .rpc import RpcError


class SendKey(NamedTuple):
    """The identity of a send. The same random_id in another dialog is another send."""

    account: int
    #: The marked id of the dialog.
    peer: int
    random_id: int


class Sends:
    """All sends with a random_id. None is ever forgotten, even if the message is deleted."""

    def __init__(self) -> None:
        self._copies: dict[SendKey, Copy] = {}
        #: Sends whose answer has not been sent yet.
        self._unanswered: set[SendKey] = set()
        self._recording: list[SendKey] | None = None

    def __getstate__(self) -> dict[str, object]:
        # Calls under way end with the process.
        return {"_copies": self._copies, "_unanswered": set(), "_recording": None}

    def add(self, key: SendKey, copy: Copy) -> None:
        """Record which message a send became."""
        self._copies[key] = copy
        if self._recording is not None:
            self._recording.append(key)

    def earlier(self, key: SendKey) -> Copy | None:
        """Return the sender's copy of an earlier send, None if there was none.

        Raise 500 RANDOM_ID_DUPLICATE while the earlier call has no answer yet.
        """
        if key in self._unanswered:
            raise RpcError(500, "RANDOM_ID_DUPLICATE")
        return self._copies.get(key)

    def of(self, account: int) -> Iterator[tuple[SendKey, Copy]]:
        """Yield the sends of an account and their messages, deleted or not, in their order."""
        return ((key, copy) for key, copy in self._copies.items() if key.account == account)

    def forget(self, account: int | None = None) -> None:
        """Forget the sends of one account, or of all."""
        self._copies = {
            key: copy for key, copy in self._copies.items() if account is not None and key.account != account
        }

    # -- calls whose answer is delayed

    @contextmanager
    def record(self) -> Iterator[list[SendKey]]:
        """Collect the sends that are added inside the `with` block."""
        keys: list[SendKey] = []
        self._recording = keys
        try:
            yield keys
        finally:
            self._recording = None

    def hold(self, keys: list[SendKey]) -> None:
        """Treat these sends as still under way until `settle`."""
        self._unanswered.update(keys)

    def settle(self, keys: list[SendKey] | None = None) -> None:
        """End `hold` for these sends, or for all."""
        if keys is None:
            self._unanswered.clear()
        else:
            self._unanswered.difference_update(keys)
