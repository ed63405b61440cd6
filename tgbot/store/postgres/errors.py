"""What psycopg's errors mean for a person: the mapping to StorageErrors, without any value of a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from tgbot.core.errors import (
    LeaseLostError,
    StorageError,
    StorageFullError,
    StorageUnreachableError,
)
from tgbot.core.storeerrors import (
    DatabaseDeniedError,
    DatabaseFailedError,
    DatabaseReadOnlyError,
    DatabaseRefusesError,
)

#: The SQLSTATE with which `tgbot.fence` refuses the transaction of a node that lost the lease.
LEASE_LOST: Final = "TG001"
#: The server shuts down or starts, it has no connection left, the database is read-only just now, or what
#: ran took too long: the same may succeed a moment later.
_PASSING: Final = ("08", "25P03", "53300", "53400", "55P03", "57", "40")
_READ_ONLY: Final = "25006"
_NO_RIGHT: Final = "42501"
_WRONG_LOGIN: Final = ("28", "3D")
#: An attempt to connect gives no SQLSTATE. What it says where another attempt would not change anything; in
#: another language, or in words of another version, the advice is a more general one.
_REFUSED: Final = re.compile(
    r"authentication failed|does not exist$|no such (?:user|database)|pg_hba\.conf|not permitted to log in"
    r"|no password supplied|permission denied for database"
    r"|does not support SSL|SSL error|certificate|invalid \S+ value"
)


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
    if state == _NO_RIGHT:
        return DatabaseDeniedError(place, _reason(error))
    if not state and isinstance(error, psycopg.OperationalError):
        reason = _reason(error)
        if "session is read-only" in reason:
            return DatabaseReadOnlyError(place, reason)
        return (DatabaseRefusesError if _REFUSED.search(reason) else StorageUnreachableError)(place, reason)
    for states, kind in (
        (_READ_ONLY, DatabaseReadOnlyError),
        (_WRONG_LOGIN, DatabaseRefusesError),
        (_PASSING, StorageUnreachableError),
    ):
        if state.startswith(states):
            return kind(place, _reason(error))
    return DatabaseFailedError(place, f"{type(error).__name__} {state}".strip())


def _reason(error: psycopg.Error) -> str:
    """Return one line without values: the server's words name its own state here, libpq's the connection."""
    said = error.diag.message_primary or str(error).partition("\n")[0]
    for before in ("failed: ", "connection is bad: ", "FATAL:"):
        said = said.rpartition(before)[2].strip()
    return said or type(error).__name__
