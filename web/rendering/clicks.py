"""The page of a site's visits: its address and its bars. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from urllib.parse import urlencode

from pipeline.store.queries.clicks import Visits
from pipeline.store.queries.span import Span
from web.rendering.charts import Chart, stacked

RANGES: Mapping[str, tuple[str, timedelta]] = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(days=1)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "90d": ("Last 90 days", timedelta(days=90)),
}
BARS = 60
HEIGHT = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class ClicksAddress:
    """What the address holds.

    Attributes:
        site: One that was heard of; empty for none yet.
        range: One of ``RANGES``.
    """

    site: str = ""
    range: str = "24h"

    def link(self, **changes: str) -> str:
        """The address of this page with some of it changed."""
        new = replace(self, **changes)
        values = {"site": new.site, "range": "" if new.range == "24h" else new.range}
        query = urlencode({name: value for name, value in values.items() if value})
        return f"/clicks?{query}" if query else "/clicks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A bucket of time, empty ones included."""

    begin: datetime
    views: int
    visitors: int


def stretches(found: Sequence[Visits], span: Span, step: timedelta) -> tuple[Stretch, ...]:
    """Every bucket of the span in order, those without a visit too."""
    seconds = int(step.total_seconds())
    by_begin = {int(one.begin.timestamp()): one for one in found}
    first = int(span.begin.timestamp()) // seconds * seconds
    made = []
    for begin in range(first, int(span.end.timestamp()) + 1, seconds):
        one = by_begin.get(begin)
        made.append(
            Stretch(
                begin=datetime.fromtimestamp(begin, UTC),
                views=one.views if one else 0,
                visitors=one.visitors if one else 0,
            )
        )
    return tuple(made)


def bars(every: Sequence[Stretch], step: timedelta, zone: tzinfo) -> Chart:
    """A bar a bucket: at its foot the first view of each visitor, above it the further ones."""
    columns = [(one.visitors, one.views - one.visitors) for one in every]
    form = "%d %b" if step * len(every) > timedelta(days=2) else "%H:%M"
    each = max(1, len(every) // 8)
    labels = [
        (place, every[place].begin.astimezone(zone).strftime(form))
        for place in range(0, max(len(every) - each // 2, 1), each)
    ]
    return stacked(columns, ("f-1", "f-rest"), height=HEIGHT, labels=labels)
