"""The report of a broadcast: exact numbers out of chunks, by language, and over time in a few steps."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.messaging.broadcast.deliveries import BEGAN, Delivery, chunk_of, made
from tests.store.broadcasting import met
from tests.store.memory import MemoryStore
from tgbot.core.broadcasts import Button, Content, Part, State
from tgbot.core.deliveries import Chunk, Outcome, Tally, tally_of
from tgbot.messaging.broadcast.report import MOST_STEPS, OF_TURNS, DeliveryCounts, Report, report_on

FIRST = [
    Delivery(1, Outcome.SENT, BEGAN, 1, (11,), clicks=0b01),
    Delivery(2, Outcome.SENT, BEGAN, 2, (12,), clicks=0b11),
    Delivery(3, Outcome.BLOCKED, BEGAN + 1, 1),
    Delivery(4, Outcome.FAILED, BEGAN + 3, 2, error="PEER_FLOOD"),
    Delivery(5, Outcome.FAILED, BEGAN + 3, 2, error="INTERNAL"),
]
SECOND = [
    Delivery(6, Outcome.FAILED, BEGAN + 3, 1, error="INTERNAL"),
    Delivery(7, Outcome.NO_NEWS, BEGAN + 3),
    Delivery(8, Outcome.WAITING),
    Delivery(9, Outcome.LATE, BEGAN + 5_000),
    Delivery(0, Outcome.FORGOTTEN, BEGAN + 9_000),
]
NONE = dict.fromkeys((outcome.label for outcome in Outcome), 0)


def reported(*chunks: Chunk, **fields: object) -> Report:
    counts = DeliveryCounts()
    for chunk in chunks:
        counts.add(chunk)
    return counts.report(made(**fields), tally_of(chunks, 0))


def test_a_report_has_exact_numbers() -> None:
    report = reported(chunk_of(FIRST), chunk_of(SECOND, number=1), size=10)
    turns = ("sent", "blocked", "failed", "no_news")
    assert msgspec.json.decode(msgspec.json.encode(report)) == {
        "id": 7,
        "name": "Autumn",
        "state": "done",
        "action": "send",
        "started": BEGAN,
        "ended": BEGAN + 10,
        "recipients": 10,
        "outcomes": NONE
        | {"sent": 2, "blocked": 1, "failed": 3, "no_news": 1}
        | {"waiting": 1, Outcome.LATE.label: 1, "forgotten": 1},
        "errors": {"INTERNAL": 2, "PEER_FLOOD": 1},
        "clicks": [
            {"button": "Open", "payload": "spring", "recipients": 2},
            {"button": "More", "payload": "", "recipients": 1},
        ],
        "corrected": 0,
        "not_corrected": 0,
        "first": BEGAN,
        "last": BEGAN + 3,
        "seconds": 3,
        "per_second": round(7 / 3, 3),
        "languages": [
            {
                "language": None,
                "outcomes": NONE | {"no_news": 1, "waiting": 1, Outcome.LATE.label: 1, "forgotten": 1},
            },
            {"language": "", "outcomes": NONE | {"sent": 1, "blocked": 1, "failed": 1}},
            {"language": "ru", "outcomes": NONE | {"sent": 1, "failed": 2}},
        ],
        "step_seconds": 1,
        "steps": [
            {"at": BEGAN, "outcomes": dict(zip(turns, (2, 0, 0, 0), strict=True))},
            {"at": BEGAN + 1, "outcomes": dict(zip(turns, (0, 1, 0, 0), strict=True))},
            {"at": BEGAN + 2, "outcomes": dict(zip(turns, (0, 0, 0, 0), strict=True))},
            {"at": BEGAN + 3, "outcomes": dict(zip(turns, (0, 0, 3, 1), strict=True))},
        ],
    }


def test_a_draft_has_a_report_without_times() -> None:
    report = DeliveryCounts().report(made(state=State.DRAFT, started=None, ended=None), Tally())
    assert (report.recipients, report.first, report.last, report.seconds) == (None, None, None, 0)
    assert (report.per_second, report.steps, report.languages) == (0.0, [], [])
    assert report.outcomes == NONE


def test_who_only_waits_was_late_or_is_forgotten_had_no_turn() -> None:
    report = reported(chunk_of(SECOND[2:]))
    assert (report.first, report.steps, report.per_second) == (None, [], 0.0)


def test_the_corrections_are_those_of_the_tally() -> None:
    tally = Tally.of(3)
    tally.corrected, tally.refused = 2, 1
    report = DeliveryCounts().report(made(), tally)
    assert (report.corrected, report.not_corrected) == (2, 1)


def test_the_name_and_the_buttons_are_made_safe_to_show() -> None:
    report = reported(name="Au\x1b\ntumn\u202e", buttons=(Button("Op\u202een\n"),))
    assert (report.name, [one.button for one in report.clicks]) == ("Au tumn", ["Open"])


def test_steps_get_longer_so_that_there_are_never_too_many() -> None:
    def steps(seconds: int) -> tuple[int, int]:
        deliveries = [Delivery(1, Outcome.SENT, BEGAN), Delivery(2, Outcome.SENT, BEGAN + seconds)]
        report = reported(chunk_of(deliveries))
        return report.step_seconds, len(report.steps)

    assert steps(0) == (1, 1)
    assert steps(99) == (1, 100)
    assert steps(100) == (2, 51)
    assert steps(9 * 3600) == (600, 55)
    assert steps(80 * 86_400) == (86_400, 81)
    assert steps(300 * 86_400) == (4 * 86_400, 76)


times = st.one_of(st.integers(BEGAN, BEGAN + 300), st.integers(BEGAN, BEGAN + 10**7))
deliveries = st.builds(
    lambda at, outcome, language: Delivery(1, outcome, at, language),
    times,
    st.sampled_from(OF_TURNS),
    st.integers(0, 2),
)


@given(st.lists(st.lists(deliveries, min_size=1, max_size=20), min_size=1, max_size=6))
def test_the_steps_hold_each_turn_once_whatever_the_order_of_the_chunks(given: list[list[Delivery]]) -> None:
    chunks = [chunk_of(one) for one in given]
    report = reported(*chunks)
    assert report == reported(*reversed(chunks))
    every = [one for chunk in given for one in chunk]
    step = report.step_seconds
    expected = Counter((one.at - one.at % step, one.outcome.label) for one in every)
    assert {
        (one.at, label): number for one in report.steps for label, number in one.outcomes.items() if number
    } == expected
    starts = [one.at for one in report.steps]
    assert starts == list(range(starts[0], starts[-1] + 1, step))
    assert len(starts) <= MOST_STEPS
    assert (report.first, report.last) == (min(one.at for one in every), max(one.at for one in every))
    assert sum(one.outcomes["sent"] for one in report.languages) == report.outcomes["sent"]


async def test_a_report_reads_every_chunk_of_the_store_while_others_have_their_turn() -> None:
    store = MemoryStore(lambda: 1_000)
    await met(store, 2_300)
    broadcast = await store.broadcasts.create(
        made(state=State.DRAFT, contents={"": Content((Part("Hello"),))})
    )
    broadcast = await store.broadcasts.freeze(broadcast, 1_000)
    for number in range(3):
        chunk = await store.broadcasts.chunk(broadcast.id, number)
        assert chunk is not None
        store.broadcasts.settle(
            broadcast.id, chunk, 0, Outcome.SENT, BEGAN + number, language=1, messages=(7,)
        )
    turns, reading = 0, asyncio.create_task(report_on(store.broadcasts, broadcast))
    while not reading.done():
        turns += 1
        await asyncio.sleep(0)
    report = await reading
    assert turns >= 3
    assert report.recipients == 2_300
    assert (report.outcomes["sent"], report.outcomes["waiting"]) == (3, 2_297)
    assert [step.outcomes for step in report.steps] == [{"sent": 1}] * 3
    assert {one.language: sum(one.outcomes.values()) for one in report.languages} == {None: 2_297, "": 3}
