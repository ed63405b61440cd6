"""The table of deliveries: a row for each recipient, which a program reads back; private, whole, streamed."""

from __future__ import annotations

import asyncio
import csv
import os
import stat
import weakref
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.messaging.broadcast.deliveries import BEGAN, Delivery, chunk_of, each, made
from tgbot.core.deliveries import CHUNK, Chunk, Correction, Outcome
from tgbot.messaging.broadcast.rows import HEADER, write_table


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


async def test_each_recipient_has_a_row_with_what_came_of_the_delivery(tmp_path: Path) -> None:
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
    assert await write_table(path, made(), each(*chunks), told.append) == 4
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
    assert os.listdir(tmp_path) == [path.name]


async def test_an_album_has_all_its_messages(tmp_path: Path) -> None:
    deliveries = [
        Delivery(1, Outcome.SENT, BEGAN, 1, (11, 12, 13)),
        Delivery(2, Outcome.BLOCKED, BEGAN, 1),
        Delivery(3, Outcome.SENT, BEGAN, 1, (0, 15, 0)),
    ]
    path = tmp_path / "deliveries.csv"
    await write_table(path, made(), each(chunk_of(deliveries, parts=3)))
    assert [row["messages"] for row in read(path)] == ["11 12 13", "", "15"]


@pytest.mark.parametrize(("round", "shown"), [(2, ["done", "refused", ""]), (1, ["", "", ""])])
async def test_corrections_are_those_of_the_last_round(tmp_path: Path, round: int, shown: list[str]) -> None:
    corrections = (Correction.DONE, Correction.REFUSED, Correction.NONE)
    deliveries = [Delivery(1, Outcome.SENT, BEGAN, 1, (11,), correction=one) for one in corrections]
    path = tmp_path / "deliveries.csv"
    await write_table(path, made(round=2), each(chunk_of(deliveries, round=round)))
    assert [row["correction"] for row in read(path)] == shown


async def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    deliveries = [Delivery(1, Outcome.FAILED, BEGAN, 1, error="=1+1")]
    path = tmp_path / "deliveries.csv"
    await write_table(path, made(languages=("-en",)), each(chunk_of(deliveries)))
    assert [(row["error"], row["language"]) for row in read(path)] == [("'=1+1", "'-en")]


async def test_one_chunk_is_in_memory_at_a_time(tmp_path: Path) -> None:
    before: list[weakref.ref[Chunk]] = []
    alive: list[int] = []

    async def chunks() -> AsyncIterator[Chunk]:
        for number in range(5):
            alive.append(sum(one() is not None for one in before))
            chunk = Chunk(number, array("q", range(1, 11)), 1)
            before.append(weakref.ref(chunk))
            yield chunk
            del chunk

    assert await write_table(tmp_path / "deliveries.csv", made(), chunks()) == 50
    assert max(alive) <= 1


async def test_a_table_that_cannot_be_completed_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "deliveries.csv"
    await write_table(path, made(), each(chunk_of([Delivery(1, Outcome.SENT, BEGAN, 1, (11,))])))
    earlier = path.read_bytes()

    async def chunks() -> AsyncIterator[Chunk]:
        yield chunk_of([Delivery(2, Outcome.SENT, BEGAN, 1, (12,))])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await write_table(path, made(), chunks())
    assert path.read_bytes() == earlier
    assert os.listdir(tmp_path) == [path.name]
    assert await write_table(path, made(), each()) == 0
    assert path.read_text() == ",".join(HEADER) + "\n"


async def test_others_have_their_turn_within_a_chunk(tmp_path: Path) -> None:
    turns = 0
    ids = [array("q", range(1 + first, 1 + first + CHUNK)) for first in (0, CHUNK, 2 * CHUNK)]
    chunks = each(*(Chunk(number, users, 1) for number, users in enumerate(ids)))
    path = tmp_path / "deliveries.csv"
    writing = asyncio.create_task(write_table(path, made(), chunks))
    while not writing.done():
        turns += 1
        await asyncio.sleep(0)
    assert await writing == 3 * CHUNK
    assert turns >= 12
    assert [row["id"] for row in read(path)] == [str(number + 1) for number in range(3 * CHUNK)]
