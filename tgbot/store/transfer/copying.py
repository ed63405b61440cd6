"""Copy all that a bot keeps from one place to another: in portions, resumable, and compared at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tgbot.core.storeerrors import CopyDiffersError, OtherCopyError, PlaceTakenError
from tgbot.store.tables import COPYING, LONG, SHORT, Key, Row, Table, Tables, storable

#: How many rows are written in one transaction, and how many of those that may be large.
PORTION: Final = 5_000
LARGE: Final = 200
#: How many rows of each portion are compared at the end.
_SAMPLE: Final = 20
#: How many differences are named.
_NAMED: Final = 5
#: How many rows of a sample are read at once.
_COMPARED: Final = 500
#: The part of the time that the writing is thought to take.
_WRITING: Final = 0.8


@dataclass(slots=True)
class Copied:
    """What a copy has done."""

    #: How many rows each table has, in both places.
    rows: dict[Table, int] = field(default_factory=dict)
    #: How many of them an earlier copy had written, which was interrupted.
    before: int = 0
    #: How many rows were compared.
    compared: int = 0
    #: Whether the auth key of a node is in the copy.
    login: bool = False
    #: How many planned entries of the source could not be read, and are not in the copy.
    damaged: int = 0


def copy_all(
    source: Tables,
    target: Tables,
    *,
    login: bool,
    random: Random,
    progress: Callable[[float], object] = lambda share: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Copied | None:
    """Copy everything to an empty target, compare both, and return what was done; None if it was `stopped`.

    A target in which such a copy was interrupted is filled up: each portion is there as a whole or not at
    all. Then all rows are compared, because the source may have changed meanwhile; else their numbers, and a
    random sample. Until both are known to be equal no bot runs on the target. `login` says whether auth keys
    are copied, too.

    Raise PlaceTakenError for a target that has something else, OtherCopyError for a part of another copy,
    CopyDiffersError, and any StorageError. `progress` is told which part of it is done.
    """
    resumed = _begin(source, target)
    done, sample = Copied(), dict[Table, list[Key]]()
    done.rows.update({table: source.count(table) for table in LONG})
    done.damaged = source.damaged
    total, written = max(1, sum(done.rows.values())), 0
    for table in LONG:
        there = target.count(table) if resumed else 0
        written += there
        done.before += there
        keys = sample[table] = []
        after = target.last(table) if resumed else None
        while rows := source.portion(table, after, _most(table)):
            if stopped():
                return None
            target.add(table, rows)
            written += len(rows)
            keys += [_key(table, row) for row in random.sample(rows, min(_SAMPLE, len(rows)))]
            after = _key(table, rows[-1])
            progress(_WRITING * written / total)
    keys_of_nodes = _fitting(target, source.whole(Table.KEYS)) if login else []
    for table in SHORT:
        rows = keys_of_nodes if table is Table.KEYS else source.whole(table)
        target.replace(table, rows)
        done.rows[table] = len(rows)
    done.login = bool(keys_of_nodes)
    if stopped():
        return None
    target.finish()
    wanted = dict.fromkeys(LONG) if resumed else sample
    if not _equal(source, target, keys_of_nodes, wanted, done, progress, stopped):
        return None
    target.note(COPYING, None)
    return done


def _begin(source: Tables, target: Tables) -> bool:
    """Mark the target, and return whether a part of this copy is there already."""
    copying = target.noted(COPYING)
    if copying is not None:
        if copying != source.place:
            raise OtherCopyError(target.place)
        return True
    for table in Table:
        if number := target.count(table):
            raise PlaceTakenError(target.place, f"{number:,} {table}")
    target.note(COPYING, source.place)
    return False


def _equal(
    source: Tables,
    target: Tables,
    keys_of_nodes: Sequence[Row],
    wanted: Mapping[Table, Sequence[Key] | None],
    done: Copied,
    progress: Callable[[float], object],
    stopped: Callable[[], bool],
) -> bool:
    """Compare both places, `wanted` rows of long tables or (None) all; return False if it was stopped."""
    differences: list[str] = []
    for table in SHORT:
        theirs = keys_of_nodes if table is Table.KEYS else source.whole(table)
        if list(map(_plain, theirs)) != list(map(_plain, target.whole(table))):
            differences.append(str(table))
        done.compared += len(theirs)
    for table in LONG:
        had, has = source.count(table), target.count(table)
        if had != has:
            differences.append(f"{table}: {had:,} and {has:,} rows")
            continue
        keys = wanted[table]
        for mine, yours in _pairs(source, target, table, keys):
            if stopped():
                return False
            done.compared += len(mine)
            progress(_WRITING + (1 - _WRITING) * min(1.0, done.compared / max(1, sum(done.rows.values()))))
            if not _same(table, mine, yours):
                differences.append(f"{table}: not the same rows")
                break
    if differences:
        raise CopyDiffersError(target.place, "; ".join(differences[:_NAMED]))
    return True


def _pairs(
    source: Tables, target: Tables, table: Table, keys: Sequence[Key] | None
) -> Iterable[tuple[Sequence[Row], Sequence[Row]]]:
    """Yield rows of both places that have to be the same."""
    if keys is not None:
        for begin in range(0, len(keys), _COMPARED):
            some = keys[begin : begin + _COMPARED]
            yield sorted(source.some(table, some)), sorted(target.some(table, some))
        return
    after: Key | None = None
    while mine := source.portion(table, after, _most(table)):
        yield mine, target.portion(table, after, _most(table))
        after = _key(table, mine[-1])


def _same(table: Table, mine: Sequence[Row], yours: Sequence[Row]) -> bool:
    if len(mine) != len(yours):
        return False
    return all(
        one == two or _form(table, one) == _form(table, two) for one, two in zip(mine, yours, strict=True)
    )


def _form(table: Table, row: Row) -> Row:
    """Return a row in a form that does not depend on where it was kept."""
    if table is Table.USERS:
        return row[0], json.loads(row[1])
    row = storable(table, row)
    if table is Table.PEERS:  # of several usernames, SQLite keeps which is the first
        return (*row[:2], row[2][:1], frozenset(row[2]), *row[3:])
    return row


def _plain(row: Row) -> Row:
    return tuple(json.loads(one) if isinstance(one, str) and one[:1] == "{" else one for one in row)


def _most(table: Table) -> int:
    return PORTION if table in (Table.USERS, Table.PEERS) else min(LARGE, PORTION)


def _key(table: Table, row: Row) -> Key:
    return row[: LONG[table]]


def _fitting(target: Tables, keys: Sequence[Row]) -> list[Row]:
    """Return the auth keys that can be kept in the target."""
    return [row for row in keys if target.only_node in ("", row[0])]
