"""Correlations over files: the hits of all files, counted in the order of their events' time.

Offline nothing is late, since every hit is there before the first is counted; and after the last
event nothing is to come, so that every window that is open then is judged as it is; but the end of
the files is no absence.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from detections.correlation.chain import Chain
from detections.correlation.finder import About
from detections.correlation.hit import Firing, Hit, microseconds
from detections.correlation.limits import Limits
from detections.correlation.links import Links
from detections.field_mapping import FieldNames
from pipeline.parsing.timestamp import from_epoch, from_iso
from pipeline.schema.alert import EventPosition
from pipeline.schema.event import Scalar, Value

# Hits are held until the last file is read; some 500 bytes each.
MAX_HITS = 2_000_000
_LIMITS = Limits(groups=MAX_HITS, hits=MAX_HITS, rule_groups=MAX_HITS, rule_hits=MAX_HITS)
_NOTHING = About()
_UTC_NOON = datetime(2000, 1, 1, 12, tzinfo=UTC)


class FileCorrelations:
    """Gathers the hits of files, then says what fires.

    Attributes:
        without_time: How many events have no time that can be read.
    """

    def __init__(self, links: Links, time_field: str) -> None:
        self._chain = Chain(links, _LIMITS, lateness_us=0)
        self._time_field = time_field
        self._hits: list[Hit] = []
        self._beyond = 0
        self._until_us: int | None = None
        self._events = 0
        self.without_time = 0

    def begin(self, fields: Mapping[str, Value]) -> datetime | None:
        """The next event's time, which ``observe`` is given for each rule that matches it."""
        self._events += 1
        name = FieldNames(fields).find(self._time_field)
        time = None if name is None else time_of(fields[name])
        self.without_time += time is None
        if time is not None:
            self._until_us = max(self._until_us or microseconds(time), microseconds(time))
        return time

    def observe(
        self,
        rule_id: str,
        name: str,
        fields: Mapping[str, Value],
        time: datetime,
        *,
        file: str,
        line: int,
    ) -> None:
        """Count a rule's match on the event in hand."""
        # Of events of the same time, the one that was read first comes first.
        event = EventPosition(
            id=f"{self._events:012}", topic=file, partition=0, offset=line, time=time
        )
        at = microseconds(time)
        for hit in self._chain.finder.of_match(
            rule_id, name, fields, event, time_us=at, received_us=at, about=lambda: _NOTHING
        ):
            if len(self._hits) < MAX_HITS:
                self._hits.append(hit)
            else:
                self._beyond += 1

    def fire(self) -> Iterator[Firing]:
        """Everything that fires, in order; nothing can be counted any more."""
        yield from self._chain.in_order(self._hits, until_us=self._until_us)

    def left_out(self) -> Mapping[str, int]:
        """How many matches did not count, by reason."""
        reasons: Counter[str] = Counter()
        for (_, reason), count in self._chain.uncounted().items():
            reasons[reason] += count
        if self._beyond:
            reasons[f"beyond {MAX_HITS} hits"] = self._beyond
        return reasons


def time_of(value: Value) -> datetime | None:
    """A time in ISO 8601 or in seconds, milli-, micro- or nanoseconds since 1970; else None.

    >>> time_of("2026-03-01T12:00:00Z") == time_of(1772366400) == time_of("1772366400000")
    True
    """
    if isinstance(value, list):
        return time_of(value[0]) if len(value) == 1 else None
    return _time_of(value)


def _time_of(value: Scalar) -> datetime | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        time = from_iso(value.strip(), _UTC_NOON) if "-" in value[1:] else None
        if time is not None:
            return time
    try:
        return from_epoch(float(value))
    except ValueError:
        return None
