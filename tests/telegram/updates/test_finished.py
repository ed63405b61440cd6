from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tgbot.telegram.updates.finished import Finished

ANN, BEN = 1, 2


def test_a_held_message_keeps_back_those_above_it_in_its_dialog_alone() -> None:
    reported: list[tuple[int, int]] = []
    finished = Finished(lambda dialog, number: reported.append((dialog, number)))
    finished.finish(ANN, 1)
    finished.hold(ANN, 2)
    finished.hold(ANN, 0)
    finished.finish(ANN, 3)
    finished.finish(BEN, 4)
    finished.hold(ANN, 5)
    finished.finish(ANN, 0)
    assert reported == [(ANN, 1), (BEN, 4)]
    finished.finish(ANN, 2)
    assert reported == [(ANN, 1), (BEN, 4), (ANN, 2), (ANN, 3)]
    finished.finish(ANN, 6)
    finished.finish(ANN, 5)
    assert reported[4:] == [(ANN, 5), (ANN, 6)]
    finished.finish(ANN, 7)
    assert reported[6:] == [(ANN, 7)]
    assert not finished._kept_back


@given(st.lists(st.booleans(), max_size=8), st.randoms(use_true_random=False))
def test_each_is_reported_once_and_none_above_one_that_is_held(holds: list[bool], chance: Random) -> None:
    """Handlers end in the order of the messages; some are held, and those end in any order."""
    reported: list[int] = []
    finished = Finished(lambda dialog, number: reported.append(number))
    held: list[int] = []

    def check() -> None:
        assert not held or all(number < min(held) for number in reported)

    for number, is_held in enumerate(holds, 1):
        if is_held:
            held.append(number)
            finished.hold(ANN, number)
        else:
            finished.finish(ANN, number)
        while held and chance.random() < 0.4:
            finished.finish(ANN, held.pop(chance.randrange(len(held))))
        check()
    while held:
        finished.finish(ANN, held.pop())
        check()
    assert reported == list(range(1, len(holds) + 1))
