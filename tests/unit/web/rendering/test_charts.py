"""Charts: stacked bars whose heights add up, and lines that stay inside."""

import re

import pytest

from web.rendering.charts import AXIS, spark, stacked


def test_parts_stand_on_each_other_and_together_are_as_high_as_their_sum() -> None:
    chart = stacked([(10, 30), (40, 0)], ("f-1", "f-2"), height=100 + AXIS)

    low, high, single = chart.bars
    assert low.y == pytest.approx(high.y + high.height + 0.6, abs=0.2)
    assert low.height + high.height == pytest.approx(single.height, abs=1.0)
    assert single.x == 50
    assert max(bar.y + bar.height for bar in chart.bars) <= 100


def test_the_axis_begins_at_nought_and_ends_at_a_round_number() -> None:
    chart = stacked([(330,)], ("f-1",), height=100)

    assert [line.text for line in chart.lines] == ["0", "200", "400"]


def test_nothing_is_an_empty_chart_with_an_axis() -> None:
    chart = stacked([], (), height=100)

    assert (chart.bars, [line.text for line in chart.lines]) == ((), ["0", "1", "2"])


def test_a_value_too_small_to_see_is_still_seen() -> None:
    chart = stacked([(1,), (1_000_000,)], ("f-1",), height=100)

    assert min(bar.height for bar in chart.bars) >= 0.6


@pytest.mark.parametrize("values", [[], [1]])
def test_one_value_is_no_line(values: list[float]) -> None:
    assert spark(values) == ""


@pytest.mark.parametrize("values", [[0, 0], [1, 5, 2], [1e12, 0, 3]])
def test_a_line_stays_inside_its_place(values: list[float]) -> None:
    numbers = [float(found) for found in re.findall(r"[\d.]+", spark(values))]

    assert all(0 <= x <= 72 for x in numbers[::2])
    assert all(0 <= y <= 16 for y in numbers[1::2])
