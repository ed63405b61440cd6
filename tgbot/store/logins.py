"""Which login data has been used: kept, so that neither a restart nor `/forget` lets it in again.

With it, who is still to be greeted after their login.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

#: How long a used login is remembered, in seconds. Longer than `[login] max_age` may be, so that raising it
#: does not let old ones in again.
REMEMBERED: Final = 8 * 24 * 3600


class Owed(NamedTuple):
    """A used login whose user is still to be greeted, in a language; it was signed at `signed`."""

    digest: bytes
    signed: int
    user_id: int
    language: str


class Logins(Protocol):
    """The used logins by their digests; each method raises a StorageError where they cannot be used."""

    async def has(self, digest: bytes) -> bool:
        """Return whether this login was used."""

    async def add(self, digest: bytes, signed: int, now: float, owed: tuple[int, str] | None = None) -> None:
        """Remember that this login, signed at `signed`, was used; kept on return.

        `owed` is the user who is to be greeted for it, and the language. Logins that are too old to be
        accepted at `now` are forgotten by and by.
        """

    async def settle(self, digest: bytes) -> None:
        """Remember that nobody is to be greeted for this login any more; kept on return."""

    async def owed(self) -> list[Owed]:
        """Return the logins whose users are still to be greeted, in the order of their use."""

    def close(self) -> None:
        """Close what belongs to the logins only, once the change under way is written."""
