"""Metric series: names, labels, and samples for a graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.event_rows import time_of
from pipeline.store.queries.span import Span, bounded

MAX_SERIES = 500
MAX_NAMES = 5000
_IN_SPAN = (
    "time >= fromUnixTimestamp64Milli(intDiv({begin:Int64}, 1000), 'UTC')"
    " AND time < fromUnixTimestamp64Milli(intDiv({end:Int64}, 1000), 'UTC')"
)


@dataclass(frozen=True, slots=True)
class Series:
    """A metric with its labels.

    Attributes:
        fingerprint: ``rows.fingerprint`` of both.
    """

    fingerprint: int
    metric: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a graph."""

    time: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a graph; steps without a sample are absent."""

    series: Series
    points: tuple[Point, ...]


async def metric_names(client: StoreClient, *, containing: str = "") -> tuple[str, ...]:
    """Names of metrics, in order, at most 5,000."""
    rows = await client.query(
        NamedQuery(
            name="metric_names",
            sql="SELECT DISTINCT toString(metric) AS name FROM series"
            " WHERE positionCaseInsensitive(metric, {containing:String}) > 0"
            " ORDER BY name LIMIT {limit:UInt32}",
            parameters={"containing": containing, "limit": MAX_NAMES},
        )
    )
    return tuple(name for (name,) in rows)


async def series(
    client: StoreClient, metric: str, labels: Mapping[str, str] | None = None, *, limit: int = 50
) -> tuple[Series, ...]:
    """The series of a metric that have these labels, at most 500.

    Args:
        client: Asked.
        metric: Its name.
        labels: Exactly these values; others may be there too. At most 20.
        limit: How many.
    """
    wanted = list((labels or {}).items())[:20]
    conditions = "".join(
        f" AND labels[{{name{at}:String}}] = {{value{at}:String}}" for at in range(len(wanted))
    )
    parameters: dict[str, object] = {"metric": metric, "limit": bounded(limit, MAX_SERIES)}
    for at, (name, value) in enumerate(wanted):
        parameters |= {f"name{at}": name, f"value{at}": value}
    rows = await client.query(
        NamedQuery(
            name="metric_series",
            sql="SELECT fingerprint, metric, labels FROM series FINAL"  # noqa: S608
            f" WHERE metric = {{metric:String}}{conditions} ORDER BY fingerprint"
            " LIMIT {limit:UInt32}",
            parameters=parameters,
        )
    )
    return tuple(Series(int(mark), name, dict(found)) for mark, name, found in rows)


async def lines(
    client: StoreClient, found: Sequence[Series], span: Span, *, step: timedelta, rate: bool = False
) -> tuple[Line, ...]:
    """The samples of series, one value a step: the last of the step.

    Args:
        client: Asked.
        found: Series of one metric, as ``series`` gives them.
        span: Of ``time``.
        step: At least a second; at most 2,000 of them in the span.
        rate: The increase per second instead, for counters; a counter that fell began again at 0.
    """
    if not found:
        return ()
    seconds = max(int(step.total_seconds()), int(span.seconds // 2000) + 1, 1)
    rows = await client.query(
        NamedQuery(
            name="metric_lines",
            sql="SELECT fingerprint,"  # noqa: S608
            " intDiv(toUnixTimestamp(time), {step:UInt32}) * {step:UInt32} AS bucket,"
            " argMax(value, time) FROM samples"
            " WHERE metric IN {metrics:Array(String)} AND fingerprint IN {prints:Array(UInt64)}"
            f" AND {_IN_SPAN} GROUP BY fingerprint, bucket ORDER BY fingerprint, bucket",
            parameters={
                **span.parameters(),
                "step": seconds,
                "metrics": sorted({one.metric for one in found}),
                "prints": [one.fingerprint for one in found[:MAX_SERIES]],
            },
        )
    )
    points: dict[int, list[Point]] = {one.fingerprint: [] for one in found}
    for mark, bucket, value in rows:
        points[int(mark)].append(Point(time_of(int(bucket) * 1_000_000), float(value)))
    return tuple(
        Line(one, tuple(rates(points[one.fingerprint]) if rate else points[one.fingerprint]))
        for one in found
    )


def rates(points: Sequence[Point]) -> list[Point]:
    """The increase per second from each point to the next.

    A counter that fell began again at 0 (Prometheus, ``rate``).
    """
    found = []
    for before, after in pairwise(points):
        seconds = (after.time - before.time).total_seconds()
        increase = after.value - before.value if after.value >= before.value else after.value
        found.append(Point(after.time, increase / seconds))
    return found
