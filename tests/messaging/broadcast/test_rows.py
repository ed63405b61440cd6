"""The table of deliveries: a row for each recipient, which a program reads back; private, whole, streamed."""

from __future__ import annotations

import csv
import stat
import weakref
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.messaging.broadcast.deliveries import BEGAN, Delivery, chunk_of, made
from tgbot.core.deliveries import Chunk, Correction, Outcome
from tgbot.messaging.broadcast.rows import HEADER, write_table


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_recipient_has_a_row_with_what_came_of_the_delivery(tmp_path: Path) -> None:
    chunks = [
        chunk_of(
            [
                Delivery(5_000_000_001, Outcome.SENT, BEGAN, 2, (11,), clicks=0b101),
                Delivery(5_000_000_002, Outcome.FAILED, BEGAN + 1, 1, error="PEER_FLOOD"),
                Delivery(0, Outcome.FORGOTTEN, BEGAN + 2),
            ]
        ),
        chunk_of([Delivery(5_000_000_004, Outcome.WAITING)], number=1),
    ]
    told: list[int] = []
    path = tmp_path / "deliveries.csv"
    assert write_table(path, made(), chunks, told.append) == 4
    assert told == [3, 4]
    empty = dict.fromkeys(HEADER, "")
    assert read(path) == [
        empty
        | {"id": "5000000001", "outcome": "sent", "at": "2026-09-21T14:13:20Z", "language": "ru"}
        | {"messages": "11", "clicks": "1 3"},
        # The text for everybody else has no code.
        empty
        | {"id": "5000000002", "outcome": "failed", "at": "2026-09-21T14:13:21Z", "error": "PEER_FLOOD"},
        empty | {"outcome": "forgotten", "at": "2026-09-21T14:13:22Z"},
        empty | {"id": "5000000004", "outcome": "waiting"},
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_an_album_has_all_its_messages(tmp_path: Path) -> None:
    deliveries = [
        Delivery(1, Outcome.SENT, BEGAN, 1, (11, 12, 13)),
        Delivery(2, Outcome.BLOCKED, BEGAN, 1),
        Delivery(3, Outcome.SENT, BEGAN, 1, (0, 15, 0)),
    ]
    path = tmp_path / "deliveries.csv"
    write_table(path, made(), [chunk_of(deliveries, parts=3)])
    assert [row["messages"] for row in read(path)] == ["11 12 13", "", "15"]


@pytest.mark.parametrize(("round", "shown"), [(2, ["done", "refused", ""]), (1, ["", "", ""])])
def test_corrections_are_those_of_the_last_round(tmp_path: Path, round: int, shown: list[str]) -> None:
    corrections = (Correction.DONE, Correction.REFUSED, Correction.NONE)
    deliveries = [Delivery(1, Outcome.SENT, BEGAN, 1, (11,), correction=one) for one in corrections]
    path = tmp_path / "deliveries.csv"
    write_table(path, made(round=2), [chunk_of(deliveries, round=round)])
    assert [row["correction"] for row in read(path)] == shown


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    deliveries = [Delivery(1, Outcome.FAILED, BEGAN, 1, error="=1+1")]
    path = tmp_path / "deliveries.csv"
    write_table(path, made(languages=("-en",)), [chunk_of(deliveries)])
    assert [(row["error"], row["language"]) for row in read(path)] == [("'=1+1", "'-en")]


def test_one_chunk_is_in_memory_at_a_time(tmp_path: Path) -> None:
    before: list[weakref.ref[Chunk]] = []
    alive: list[int] = []

    def chunks() -> Iterator[Chunk]:
        for number in range(5):
            alive.append(sum(one() is not None for one in before))
            chunk = Chunk(number, array("q", range(1, 11)), 1)
            before.append(weakref.ref(chunk))
            yield chunk
            del chunk

    assert write_table(tmp_path / "deliveries.csv", made(), chunks()) == 50
    assert max(alive) <= 1


def test_a_table_that_cannot_be_completed_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "deliveries.csv"
    write_table(path, made(), [chunk_of([Delivery(1, Outcome.SENT, BEGAN, 1, (11,))])])
    earlier = path.read_bytes()

    def chunks() -> Iterator[Chunk]:
        yield chunk_of([Delivery(2, Outcome.SENT, BEGAN, 1, (12,))])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_table(path, made(), chunks())
    assert path.read_bytes() == earlier
    assert list(tmp_path.iterdir()) == [path]
    assert write_table(path, made(), []) == 0
    assert path.read_text() == ",".join(HEADER) + "\n"
