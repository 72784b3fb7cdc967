"""The overview's two charts, from what the store counted. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from web.rendering.charts import Chart, stacked

LEVEL_STYLES = {
    "critical": "f-critical",
    "high": "f-high",
    "medium": "f-medium",
    "low": "f-low",
    "informational": "f-info",
}
SOURCE_STYLES = ("f-1", "f-2", "f-3", "f-4")
REST = "f-rest"


@dataclass(frozen=True, slots=True)
class Legend:
    """A series of a chart: its style and its name."""

    style: str
    text: str


def fired_chart(
    counts: Mapping[datetime, Mapping[str, int]], *, starts: Sequence[datetime], zone: tzinfo
) -> Chart:
    """Alerts by time and level; the most severe at the bottom."""
    levels = list(LEVEL_STYLES)
    return stacked(
        [[counts.get(start, {}).get(level, 0) for level in levels] for start in starts],
        [LEVEL_STYLES[level] for level in levels],
        height=96,
        labels=hour_labels(starts, zone),
    )


def received_chart(
    events: Mapping[tuple[datetime, str], int],
    *,
    starts: Sequence[datetime],
    step: timedelta,
    zone: tzinfo,
    names: Mapping[str, str],
) -> tuple[Chart, list[Legend]]:
    """Events a second by time and source: the four loudest, and the rest as one."""
    totals: dict[str, int] = {}
    for (_, source), count in events.items():
        totals[source] = totals.get(source, 0) + count
    loud = sorted((s for s in totals if s != "…"), key=lambda source: -totals[source])
    shown, rest = loud[: len(SOURCE_STYLES)], loud[len(SOURCE_STYLES) :]
    if "…" in totals:
        rest.append("…")
    seconds = step.total_seconds()
    chart = stacked(
        [
            [
                *(events.get((start, source), 0) / seconds for source in shown),
                sum(events.get((start, source), 0) for source in rest) / seconds,
            ]
            for start in starts
        ],
        [*SOURCE_STYLES[: len(shown)], REST],
        height=150,
        least=0.1,
        labels=hour_labels(starts, zone),
    )
    legend = [
        Legend(style, called(source, names))
        for style, source in zip(SOURCE_STYLES, shown, strict=False)
    ]
    if rest:
        others = (
            "others" if "…" in rest else f"{len(rest)} {'other' if len(rest) == 1 else 'others'}"
        )
        legend.append(Legend(REST, others))
    return chart, legend


def hour_labels(
    starts: Sequence[datetime], zone: tzinfo, *, every: int = 3
) -> list[tuple[int, str]]:
    """Every third full hour, with the day where it begins; every half one of a few hours."""
    labels: list[tuple[int, str]] = []
    if len(starts) > 1 and (starts[-1] - starts[0]).total_seconds() < 4 * 3600:
        return [
            (column, f"{start.astimezone(zone):%H:%M}")
            for column, start in enumerate(starts)
            if start.minute % 30 == 0 and column < len(starts) * 0.97
        ]
    for column, start in enumerate(starts):
        local = start.astimezone(zone)
        if local.minute == 0 and local.hour % every == 0 and column < len(starts) * 0.97:
            text = f"{local:%a %H:%M}" if local.hour == 0 else f"{local:%H:%M}"
            labels.append((column, text))
    return labels


def called(source: str, names: Mapping[str, str]) -> str:
    """A source as people call it: without its collector, a token by its name, our roles by theirs.

    >>> called("syslog:web-01", {}), called("agent", {}), called("http:6ed4", {"6ed4": "shop"})
    ('web-01', 'agent', 'shop')
    >>> called("scrape:tocsin-web/127.0.0.1:9445", {}), called("scrape:node/db:9100", {})
    ('tocsin-web', 'node/db:9100')
    """
    sender = source.partition(":")[2] or source
    if sender.startswith("tocsin-"):
        return sender.partition("/")[0]
    return names.get(sender, sender)
