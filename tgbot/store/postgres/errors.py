"""What psycopg's errors mean for a person: the mapping to StorageErrors, without any value of a row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from tgbot.core.errors import (
    LeaseLostError,
    StorageError,
    StorageFailedError,
    StorageFullError,
    StorageUnreachableError,
)

#: The SQLSTATE with which `tgbot.fence` refuses the transaction of a node that lost the lease.
LEASE_LOST: Final = "TG001"
#: The server shuts down or starts, it has no connection left, the database is read-only just now, or what
#: ran took too long: the same may succeed a moment later.
_PASSING: Final = ("08", "25006", "25P03", "53300", "53400", "55P03", "57", "40")


@contextmanager
def postgres_errors(place: str) -> Iterator[None]:
    """Raise a StorageError in the place of any error of psycopg; `place` names the database."""
    try:
        yield
    except psycopg.Error as error:
        raise storage_error(place, error) from None  # its text may hold what is in a row


def storage_error(place: str, error: psycopg.Error) -> StorageError:
    """Return what an error of psycopg means."""
    state = error.sqlstate or ""
    if state == LEASE_LOST:
        return LeaseLostError(place)
    if state.startswith("53100"):
        return StorageFullError(place)
    if state.startswith(_PASSING) or (not state and isinstance(error, psycopg.OperationalError)):
        return StorageUnreachableError(place, _reason(error))
    return StorageFailedError(place, f"{type(error).__name__} {state}".strip())


def _reason(error: psycopg.Error) -> str:
    """Return one line without values: the server's words name its own state here, libpq's the connection."""
    said = error.diag.message_primary or str(error).partition("\n")[0]
    return said.rpartition("failed: ")[2] or type(error).__name__
