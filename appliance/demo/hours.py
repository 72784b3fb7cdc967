"""When things happen in a day: more at work than at night, never two days alike."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

# How busy each hour of the day is, in UTC, from midnight.
OFFICE = (1, 1, 1, 1, 1, 2, 6, 20, 40, 44, 42, 40, 30, 38, 42, 40, 34, 20, 8, 5, 4, 3, 2, 1)
VISITORS = (6, 4, 3, 3, 4, 6, 12, 20, 28, 32, 34, 36, 38, 36, 34, 34, 36, 40, 44, 46, 40, 28, 16, 9)
STEADY = (1,) * 24


def moments(
    chance: random.Random, start: datetime, end: datetime, count: int, busy: Sequence[int]
) -> list[datetime]:
    """``count`` times in [start, end), in order, spread as the hours are busy."""
    hours = [start + timedelta(hours=offset) for offset in range(int((end - start) / _HOUR))]
    chosen = chance.choices(hours, weights=[busy[hour.hour] for hour in hours], k=count)
    return sorted(hour + timedelta(milliseconds=chance.randrange(3_600_000)) for hour in chosen)


_HOUR = timedelta(hours=1)


def seconds(chance: random.Random, low: float, high: float) -> timedelta:
    """A span between two numbers of seconds, in whole milliseconds."""
    return timedelta(milliseconds=round(chance.uniform(low, high) * 1000))
