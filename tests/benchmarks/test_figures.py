"""Percentiles, spreads and tables."""

from __future__ import annotations

import pytest

from benchmarks.figures import percentile, spread, table


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0, 1), (1, 1), (50, 50), (50.5, 51), (98.1, 99), (99, 99), (99.1, 100), (100, 100)],
)
def test_a_percentile_is_a_value_that_so_many_percent_do_not_exceed(percent: float, expected: float) -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert percentile(values, percent) == expected


@pytest.mark.parametrize("percent", [0, 50, 99, 100])
def test_every_percentile_of_one_value_is_that_value(percent: float) -> None:
    assert percentile([7.0], percent) == 7.0


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], -1), ([1.0], 101)])
def test_a_percentile_that_does_not_exist_is_an_error(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="there is no percentile"):
        percentile(values, percent)


def test_a_spread_is_the_median_between_the_lowest_and_the_highest() -> None:
    assert spread([0.3, 0.25, 0.35]) == "0.30 (0.25–0.35)"
    assert spread([1.0, 4.0], ".1f") == "2.5 (1.0–4.0)"


@pytest.mark.parametrize("values", [[0.3], [0.301, 0.299, 0.3]])
def test_values_that_look_the_same_have_no_spread(values: list[float]) -> None:
    assert spread(values) == "0.30"


def test_a_table_is_markdown() -> None:
    assert table(["client", "CPU"], [["this bot", "1"], ["another", "2"]]).splitlines() == [
        "| client | CPU |",
        "| --- | ---: |",
        "| this bot | 1 |",
        "| another | 2 |",
    ]
