"""A backtest's alerts by day, as a chart. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from web.rendering.charts import Chart, stacked

HEIGHT = 120
_LABELS = 7


def chart_of(by_day: Mapping[str, int], end: datetime, span: timedelta) -> Chart:
    """A bar for every day from the beginning of the span to its end, days without alerts too."""
    first, last = (end - span).date(), end.date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    every = max(1, len(days) // _LABELS)
    labels = [(at, f"{day:%b} {day.day}") for at, day in enumerate(days) if at % every == 0]
    columns = [[float(by_day.get(day.isoformat(), 0))] for day in days]
    return stacked(columns, ["f-1"], height=HEIGHT, labels=labels)
