"""Chunks of deliveries and their tally."""

from __future__ import annotations

from array import array

from tgbot.core.deliveries import Chunk, Correction, Outcome, Tally, Wanted, tally_of


def chunk(*outcomes: Outcome) -> Chunk:
    made = Chunk(3, array("q", range(1, len(outcomes) + 1)), 2)
    made.outcomes[:] = bytes(outcomes)
    return made


def found(searched: Chunk, wanted: Wanted) -> list[int]:
    indexes = []
    index = searched.find(wanted)
    while index >= 0:
        indexes.append(index)
        index = searched.find(wanted, index + 1)
    return indexes


def test_what_is_wanted_is_found_in_order() -> None:
    searched = chunk(Outcome.SENT, Outcome.WAITING, Outcome.LATE, Outcome.SENT, Outcome.WAITING, Outcome.SENT)
    assert found(searched, Wanted.WAITING) == [1, 4]
    assert found(searched, Wanted.LATE) == [2]
    assert found(searched, Wanted.UNCORRECTED) == [0, 3, 5]
    searched.corrections[0] = Correction.DONE
    searched.corrections[5] = Correction.REFUSED
    assert found(searched, Wanted.UNCORRECTED) == [3]
    searched.corrections[3] = Correction.DONE
    assert not searched.has(Wanted.UNCORRECTED)


def test_a_tally_has_each_outcome_by_name() -> None:
    tally = Tally.of(5)
    assert tally.labels == {outcome.label: 0 for outcome in Outcome} | {"waiting": 5}
    tally.failed("A")
    tally.failed("A")
    tally.failed("A", -1)
    assert tally.errors == {"A": 1}
    tally.failed("A", -1)
    assert tally.errors == {}


def test_a_tally_counts_the_corrections_of_its_round() -> None:
    one, other = chunk(Outcome.SENT, Outcome.SENT), chunk(Outcome.SENT, Outcome.FAILED)
    one.corrections[:] = bytes((Correction.DONE, Correction.REFUSED))
    other.corrections[0] = Correction.DONE
    other.round = 1
    other.errors, other.why[1], other.clicks[1] = ["X"], 1, 0b101
    assert tally_of([one, other], 0) == Tally(
        *([0, 3, 0, 0, 0, 1, 0, 0, 0], {"X": 1}, [1, 0, 1, 0, 0, 0, 0, 0]), corrected=1, refused=1
    )
    assert tally_of([one, other], 1).corrected == 1


def test_values_that_are_stored_never_change() -> None:
    names = "waiting sent blocked deactivated not_allowed failed no_news not_in_time forgotten"
    assert " ".join(outcome.label for outcome in Outcome) == names
    assert list(Outcome) == list(range(9))
    assert [*Correction] == [0, 1, 2, 3]
