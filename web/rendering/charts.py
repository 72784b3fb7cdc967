"""Server-drawn charts: numbers to the geometry of an SVG. Pure.

Widths are percentages, so a chart fills what it is given; heights are pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

AXIS = 16


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle: style class, left edge and width in percent, top and height in pixels."""

    style: str
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A label: its place, in percent for the time axis and pixels for the value axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything a template needs to draw stacked bars."""

    height: int
    bars: tuple[Bar, ...]
    lines: tuple[Mark, ...]
    labels: tuple[Mark, ...]


def stacked(
    columns: Sequence[Sequence[float]],
    styles: Sequence[str],
    *,
    height: int,
    labels: Sequence[tuple[int, str]] = (),
    gap: float = 0.2,
    least: float = 2.0,
) -> Chart:
    """Stacked bars, the first value of each column at the bottom.

    Args:
        columns: One sequence of values for each bar.
        styles: The class of each place in a column.
        height: Of the whole chart, its axis included, in pixels.
        labels: Column number and text of the time axis.
        gap: Share of a column's width that stays empty.
        least: The value axis reaches at least that far: 2 for what is counted in ones.
    """
    plot = height - AXIS
    top = nice_top(max((sum(column) for column in columns), default=0), least)
    step = 100 / max(len(columns), 1)
    bars = []
    for index, column in enumerate(columns):
        base = float(plot)
        for style, value in zip(styles, column, strict=True):
            if value <= 0:
                continue
            tall = value / top * (plot - 2)
            base -= tall
            bars.append(
                Bar(style, round(index * step, 2), round(step * (1 - gap), 2),
                    round(base, 1), round(max(tall - 0.6, 0.6), 1))
            )  # fmt: skip
    lines = tuple(
        Mark(round(plot - share * (plot - 2), 1), _axis(top * share)) for share in (0, 0.5, 1)
    )
    marks = tuple(Mark(round(column * step, 2), text) for column, text in labels)
    return Chart(height, tuple(bars), lines, marks)


def spark(values: Sequence[float], *, width: float = 72, height: float = 16) -> str:
    """The path of a sparkline; empty if there are fewer than two values."""
    if len(values) < 2:
        return ""
    top = max(*values, 1e-9)
    step = width / (len(values) - 1)
    points = (
        f"{index * step:.1f} {height - 1 - value / top * (height - 3):.1f}"
        for index, value in enumerate(values)
    )
    return "M" + " L".join(points)


def nice_top(most: float, least: float = 2.0) -> float:
    """The smallest round number that is not below ``most``, and ``least`` at least.

    >>> [nice_top(value) for value in (0, 3, 7, 18, 330, 0.3)]
    [2.0, 4.0, 8.0, 20.0, 400.0, 2.0]
    """
    if most <= least:
        return least
    power = 10.0 ** math.floor(math.log10(most))
    for factor in (1, 2, 4, 6, 8, 10):
        if most <= factor * power:
            return factor * power
    return 10 * power


def _axis(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:g}"
