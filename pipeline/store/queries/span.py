"""Ranges of time, buckets and pages: what most queries are bounded by. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from pipeline.errors import QueryInvalid
from pipeline.store.event_rows import EPOCH, MICROSECOND, time_of

T = TypeVar("T")

# Widths of buckets that people can read on an axis, in seconds.
_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800),
)
MAX_BUCKETS = 1000


@dataclass(frozen=True, slots=True)
class Span:
    """A range of time, its end excluded.

    Attributes:
        begin, end: With a time zone.
    """

    begin: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.begin.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("spans carry a time zone")
        if self.end < self.begin:
            raise QueryInvalid("The range ends before it begins.")

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.begin).total_seconds()

    def parameters(self) -> dict[str, object]:
        """``begin`` and ``end`` in microseconds, as ``IN_SPAN`` takes them."""
        return {"begin": micros_of(self.begin), "end": micros_of(self.end)}

    def step(self, buckets: int) -> timedelta:
        """A readable width that cuts the range into about as many buckets, never more.

        >>> from datetime import timezone
        >>> day = Span(datetime(2026, 3, 1, tzinfo=timezone.utc),
        ...     datetime(2026, 3, 2, tzinfo=timezone.utc))
        >>> str(day.step(100))
        '0:15:00'
        """
        buckets = min(max(buckets, 1), MAX_BUCKETS)
        wanted = self.seconds / buckets
        for step in _STEPS:
            if step >= wanted:
                return timedelta(seconds=step)
        days = -(-wanted // 86400)
        return timedelta(days=days)


IN_SPAN = (
    "time >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')"
    " AND time < fromUnixTimestamp64Micro({end:Int64}, 'UTC')"
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: newest first, ids break ties.

    Attributes:
        time: Of the page's last row.
        id: Of the same.
    """

    time: datetime
    id: str

    def __str__(self) -> str:
        return f"{micros_of(self.time)}.{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor in a URL.

        Raises:
            QueryInvalid: It is none of ours.
        """
        micros, _, id_ = text.partition(".")
        try:
            return cls(time_of(int(micros)), str(UUID(id_)))
        except (ValueError, OverflowError):
            raise QueryInvalid("This page marker is not one of ours.") from None

    def parameters(self) -> dict[str, object]:
        """``after_time`` and ``after_id``, as ``AFTER`` takes them."""
        return {"after_time": micros_of(self.time), "after_id": self.id}


AFTER = (
    "(time, id) < (fromUnixTimestamp64Micro({after_time:Int64}, 'UTC'), toUUID({after_id:String}))"
)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows, newest first.

    Attributes:
        items: The rows.
        next: Where the next page begins; None after the last.
    """

    items: tuple[T, ...]
    next: Cursor | None


def micros_of(time: datetime) -> int:
    """Microseconds since the epoch."""
    return (time - EPOCH) // MICROSECOND


def bounded(limit: int, most: int) -> int:
    """A limit between 1 and ``most``."""
    return min(max(limit, 1), most)
