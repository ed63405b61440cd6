"""What is left of a rebuild: ranges of ids, and what a new start goes on with."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tgbot.messaging.rebuild.progress import Place, Progress, State, size_of, windows, without

RANGES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 20)), max_size=6)


def ids_in(ranges: list[tuple[int, int]]) -> list[int]:
    return [number for first, last in ranges for number in range(first, last + 1)]


@given(RANGES, st.integers(1, 80), st.integers(0, 40))
def test_what_is_taken_out_of_ranges_is_gone_and_nothing_else(
    made: list[tuple[int, int]], first: int, more: int
) -> None:
    place = Place()
    for low, size in made:
        place.add_hole(low, low + size)
    wanted = {number for low, size in made for number in range(low, low + size + 1)}
    assert sorted(ids_in(place.holes)) == sorted(wanted)
    assert size_of(place.holes) == len(wanted)
    rest = without(place.holes, first, first + more)
    assert set(ids_in(rest)) == wanted - set(range(first, first + more + 1))


@given(RANGES, st.integers(1, 9))
def test_windows_go_down_and_cover_everything(made: list[tuple[int, int]], size: int) -> None:
    place = Place()
    for low, length in made:
        place.add_hole(low, low + length)
    found = [number for window in windows(place.holes, size) for number in reversed(window)]
    assert found == sorted(ids_in(place.holes), reverse=True)


def test_a_window_that_is_read_is_not_left_and_its_empty_ids_are_counted() -> None:
    place = Place()
    place.reach_up(1_000, 70, 5)
    place.window_done(range(801, 1_001), 150, 2)
    assert place.left == [(1, 800)]
    assert (place.scanned, place.empty, place.unreadable, place.ids_left) == (200, 48, 2, 800)
    place.reach_up(1_100, 80, 6)
    assert place.left == [(1_001, 1_100), (1, 800)]
    assert place.log_left == 79 + 5


def test_what_was_cancelled_or_failed_goes_on_and_what_is_done_begins_anew() -> None:
    for state in (State.CANCELLED, State.FAILED, State.PAUSED):
        progress = Progress(state=state, new=5, trouble="X", place=Place(top=9, left=[(1, 4)], top_pts=7))
        progress.begin(50, probe=True)
        assert (progress.state, progress.new, progress.place.left) == (State.RUNNING, 5, [(1, 4)])
        assert progress.probe
    progress = Progress(state=State.DONE, new=5, place=Place(top=9, holes=[(2, 3)], top_pts=7))
    progress.begin(50, probe=False)
    assert (progress.state, progress.new, progress.began) == (State.RUNNING, 0, 50)
    assert progress.place == Place(holes=[(2, 3)])


def test_a_second_start_changes_nothing_but_may_ask_for_the_probe() -> None:
    for state in (State.RUNNING, State.PROBING):
        progress = Progress(state=state, began=7, place=Place(top=9, left=[(1, 4)]))
        progress.begin(50, probe=True)
        assert progress == Progress(state=state, began=7, probe=True, place=Place(top=9, left=[(1, 4)]))


def test_progress_is_the_same_after_it_was_written() -> None:
    progress = Progress(state=State.RUNNING, new=3, place=Place(left=[(5, 9), (1, 2)], holes=[(11, 12)]))
    assert msgspec.json.decode(msgspec.json.encode(progress), type=Progress) == progress
