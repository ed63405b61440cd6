"""The judgement of a soak: what counts as growth."""

from __future__ import annotations

from dataclasses import replace

from tests.scenarios.soak import Sample, growth

AT_FIRST = Sample(0.0, memory=100.0, descriptors=20, tasks=30, checkpoint_age=0.5)


def test_a_bot_that_stays_as_it_is_does_not_grow() -> None:
    samples = [replace(AT_FIRST, at=60.0 * minute, memory=100 + minute % 7) for minute in range(24)]
    assert growth(samples) == []


def test_each_figure_that_grows_is_named() -> None:
    for name, at_the_end in (("memory", 150.0), ("descriptors", 40), ("tasks", 90), ("checkpoint_age", 60.0)):
        before = getattr(AT_FIRST, name)
        step = (at_the_end - before) / 23
        samples = [replace(AT_FIRST, **{name: before + step * minute}) for minute in range(24)]
        assert [line.split()[0] for line in growth(samples)] == [name]


def test_a_warm_start_and_a_single_peak_are_no_growth() -> None:
    samples = [replace(AT_FIRST, memory=80.0)] * 6 + [AT_FIRST] * 18
    samples[20] = replace(AT_FIRST, memory=400.0, descriptors=90)
    assert growth(samples) == []
