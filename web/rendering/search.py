"""The search page as it is drawn: its address, its range, its histogram. Pure.

Everything that the page shows is in its address; every control of it is a link to another one.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from urllib.parse import urlencode

from pipeline.store.queries.events import Histogram
from pipeline.store.queries.span import Span, micros_of
from web.rendering.charts import Chart, stacked

RANGES: Mapping[str, str] = {
    "15m": "Last 15 minutes",
    "1h": "Last hour",
    "4h": "Last 4 hours",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
}
WIDER = {"15m": "1h", "1h": "24h", "4h": "24h", "24h": "7d", "7d": "30d", "30d": "90d"}
SPLITS: Mapping[str, str] = {"level": "severity", "source": "source", "outcome": "outcome"}
TABS = ("fields", "raw", "json", "alerts")
HISTOGRAM_BARS = 72
CHART_HEIGHT = 92
SERIES = ("f-1", "f-2", "f-3", "f-4", "f-5")
REST = "f-rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAddress:
    """What the address of a search holds.

    Attributes:
        q: What was typed.
        range: One of ``RANGES``; ignored where ``begin`` and ``end`` are given.
        begin, end: An absolute range as it was written; both empty for a relative one.
        by: What the histogram is split by, one of ``SPLITS``.
        event: The id of the event in the drawer; empty for none.
        tab: Of the drawer, one of ``TABS``.
        after: The page marker of the list; empty for the newest.
    """

    q: str = ""
    range: str = "24h"
    begin: str = ""
    end: str = ""
    by: str = "level"
    event: str = ""
    tab: str = "fields"
    after: str = ""

    @property
    def is_absolute(self) -> bool:
        """Whether the range does not move with the clock."""
        return bool(self.begin or self.end)

    @property
    def live(self) -> str:
        """Where events of this search are shown as they come in."""
        return f"/live?{urlencode({'q': self.q})}" if self.q else "/live"

    def link(self, **changes: str) -> str:
        """The address of this search with some of it changed."""
        new = replace(self, **changes)
        values = {
            "q": new.q,
            "range": "" if new.is_absolute or new.range == "24h" else new.range,
            "from": new.begin,
            "to": new.end,
            "by": "" if new.by == "level" else new.by,
            "event": new.event,
            "tab": "" if new.tab == "fields" else new.tab,
            "after": new.after,
        }
        query = urlencode({name: value for name, value in values.items() if value})
        return f"/search?{query}" if query else "/search"

    def between(self, begin: datetime, end: datetime, *, event: str = "") -> str:
        """The same search over another, absolute range; the drawer shows ``event``, or is shut."""
        return self.link(begin=_iso(begin), end=_iso(end), after="", event=event)

    def narrowed(self, field: str, value: object, *, without: bool = False) -> str:
        """The search for those of its events that have a field's value, or do not."""
        is_empty = value == ""  # the same as no value, and searched for as that
        negated = without != is_empty
        term = f"{'NOT ' if negated else ''}{field}:{'*' if is_empty else quoted(value)}"
        text = f"({self.q})" if re.search(r"\bOR\b", self.q) else self.q
        return self.link(q=f"{text} {term}".strip(), after="", event="")


def quoted(value: object) -> str:
    """A value as the search language takes it, quoted where it must be.

    >>> quoted("root"), quoted("a b"), quoted('say "x"'), quoted(7), quoted(True)
    ('root', '"a b"', '"say \\\\"x\\\\""', '7', 'true')
    """
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if re.fullmatch(r"[\w.-]+", text) and text not in ("AND", "OR", "NOT"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def shifted(address: SearchAddress, span: Span, *, later: bool) -> str:
    """The same search over the range beside this one."""
    length = span.end - span.begin
    step = length if later else -length
    return address.between(span.begin + step, span.end + step)


def range_text(address: SearchAddress, span: Span, zone: tzinfo) -> str:
    """What the range is called; an absolute one in the zone of the person."""
    if not address.is_absolute:
        return RANGES[address.range]
    begin, end = span.begin.astimezone(zone), span.end.astimezone(zone)
    if begin.date() == end.date():
        return f"{begin:%d %b %H:%M} – {end:%H:%M}"
    return f"{begin:%d %b %H:%M} – {end:%d %b %H:%M}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A histogram ready for its template.

    Attributes:
        chart: The bars.
        legend: Style, name and count of each part, most first.
        total: Events in all.
        columns: Label and address of each column, to click on.
    """

    chart: Chart
    legend: tuple[tuple[str, str, int], ...]
    total: int
    columns: tuple[tuple[str, str], ...]


def draw(address: SearchAddress, found: Histogram, span: Span, zone: tzinfo) -> Drawn:
    """Stacked bars over the whole range, empty stretches included."""
    totals = _totals(bucket.counts for bucket in found.buckets)
    names = list(totals)[: len(SERIES)]
    styles = [*SERIES[: len(names)], REST]
    step = int(found.step.total_seconds())
    first = micros_of(span.begin) // 1_000_000 // step
    count = min(int(span.seconds // step) + 2, 400)
    by_place = {
        micros_of(bucket.begin) // 1_000_000 // step - first: bucket.counts
        for bucket in found.buckets
    }
    columns = []
    for place in range(count):
        counts = by_place.get(place, {})
        known = [counts.get(name, 0) for name in names]
        columns.append([*known, sum(counts.values()) - sum(known)])
    begins = [_time((first + place) * step, zone) for place in range(count)]
    return Drawn(
        chart=stacked(columns, styles, height=CHART_HEIGHT, labels=_labels(begins, found.step)),
        legend=_legend(names, styles, totals),
        total=sum(totals.values()),
        columns=tuple(
            (f"{begin:%d %b %H:%M:%S}", address.between(begin, begin + found.step))
            for begin in begins
        ),
    )


def _totals(buckets: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts over all buckets by name, most first."""
    totals: dict[str, int] = {}
    for counts in buckets:
        for name, number in counts.items():
            totals[name] = totals.get(name, 0) + number
    return dict(sorted(totals.items(), key=lambda item: (item[0] == "…", -item[1])))


def _legend(
    names: list[str], styles: list[str], totals: Mapping[str, int]
) -> tuple[tuple[str, str, int], ...]:
    shown = [
        (style, name or "none", totals[name]) for style, name in zip(styles, names, strict=False)
    ]
    rest = sum(totals.values()) - sum(number for _, _, number in shown)
    return (*shown, *([(REST, "others", rest)] if rest else []))


def _labels(begins: list[datetime], step: timedelta) -> list[tuple[int, str]]:
    """About eight labels; days where the range is longer than two of them."""
    every = max(1, len(begins) // 8)
    form = "%d %b" if step * len(begins) > timedelta(days=2) else "%H:%M"
    if step < timedelta(minutes=1) and step * len(begins) < timedelta(minutes=10):
        form = "%H:%M:%S"
    return [(place, begins[place].strftime(form)) for place in range(0, len(begins), every)]


def _time(seconds: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(seconds, zone)


def _iso(time: datetime) -> str:
    """Seconds are enough for a range that a person chose."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
