"""The overview as its template reads it: charts drawn, rates and lags in words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from web.operations.overview import DETECTIONS_GROUP, HOURS, Overview, floored
from web.operations.standing import Standing
from web.rendering.charts import Chart, spark
from web.rendering.overview_charts import Legend, fired_chart, received_chart


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLine:
    """A role in the overview's table.

    Attributes:
        rate: Records a second that it handles; None if that is not counted.
        lag: Records it has not read yet; None if it reads none.
        dot, state: How it is.
        since: For how long; None if it was not said.
        restarts: How often it was started again.
        trouble: Why it does not do all of its work; empty if it does.
    """

    name: str
    rate: float | None
    lag: int | None
    dot: str
    state: str
    since: datetime | None
    restarts: int
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The overview's charts and lines; ``hours`` is how many the chart of events spans."""

    fired: Chart | None
    received: Chart | None
    legend: list[Legend]
    hours: int
    spark: str
    roles: list[RoleLine]


def draw(
    found: Overview, standing: Standing, zone: tzinfo, names: Mapping[str, str] | None = None
) -> Drawn:
    """Draw what was found; ``names`` are what tokens are called, by their ids."""
    received, legend, path, hours = None, list[Legend](), "", 24
    if found.received is not None:
        starts, step = found.stretches, found.received.step
        events: dict[tuple[datetime, str], int] = {
            (volume.begin, volume.source): volume.events for volume in found.received.volumes
        }
        received, legend = received_chart(
            events, starts=starts, step=step, zone=zone, names=names or {}
        )
        hours = round(step * (len(starts) - 1) / timedelta(hours=1))
        path = spark(_totals(events, starts))
    fired = None
    if found.fired is not None:
        begin = floored(found.span.begin, found.fired.step)
        fired = fired_chart(
            {bucket.begin: bucket.counts for bucket in found.fired.buckets},
            starts=[begin + found.fired.step * column for column in range(HOURS + 1)],
            zone=zone,
        )
    return Drawn(
        fired=fired,
        received=received,
        legend=legend,
        hours=hours,
        spark=path,
        roles=role_lines(found, standing),
    )


def role_lines(found: Overview, standing: Standing) -> list[RoleLine]:
    """Every role with what it handles: from the log where the log knows."""
    groups = {group.name: group for group in (found.log.groups if found.log else ()) if group.lag}
    rates: dict[str, float | None] = {"collectors": found.rate, "broker": found.rate}
    rates |= {
        f"broker-{node.node_id}": node.rate for node in (found.log.nodes if found.log else ())
    }
    lags: dict[str, int | None] = {}
    detections = groups.get(DETECTIONS_GROUP)
    if detections is not None:
        rates["detections"], lags["detections"] = detections.rate, detections.total_lag
    sinks = [group for name, group in groups.items() if "sink" in name]
    if sinks:
        rates["sinks"] = sum(group.rate or 0.0 for group in sinks)
        lags["sinks"] = sum(group.total_lag for group in sinks)
    return [
        RoleLine(
            name=name.capitalize(),
            rate=rates.get(name),
            lag=lags.get(name),
            dot=role.dot,
            state=role.state.capitalize(),
            since=role.since,
            restarts=role.restarts,
            trouble=role.trouble or "",
        )
        for name, role in standing.roles.items()
    ]


def _totals(events: Mapping[tuple[datetime, str], int], starts: Sequence[datetime]) -> list[float]:
    """Events of the last 24 stretches, for the sparkline; the running one left out."""
    totals = dict.fromkeys(starts, 0.0)
    for (start, _), count in events.items():
        if start in totals:
            totals[start] += count
    return list(totals.values())[-25:-1]
