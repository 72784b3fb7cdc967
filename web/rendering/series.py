"""The page that graphs metrics: its address, and lines as a chart and a table take them. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from pipeline.store.queries.series import Line
from pipeline.store.queries.span import Span

RANGES: Mapping[str, tuple[str, timedelta]] = {
    "15m": ("Last 15 minutes", timedelta(minutes=15)),
    "1h": ("Last hour", timedelta(hours=1)),
    "4h": ("Last 4 hours", timedelta(hours=4)),
    "24h": ("Last 24 hours", timedelta(days=1)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
STEPS: Mapping[str, tuple[str, int]] = {
    "15s": ("15 s", 15),
    "1m": ("1 min", 60),
    "5m": ("5 min", 300),
    "1h": ("1 h", 3600),
    "1d": ("1 d", 86_400),
}
SHOWN = 20
COLOURS = 5
DASHES = ("", "7 3", "2 3", "9 3 2 3")
_POINTS = 240
_LEAST_STEP = timedelta(seconds=15)
_COUNTERS = ("_total", "_count", "_sum", "_bucket")
_LABEL = re.compile(r'\s*([a-zA-Z_]\w{0,127})\s*=\s*("(?:[^"\\]|\\.)*"|[^,"]*)\s*(?:,|$)')


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesAddress:
    """What the address of a graph holds.

    Attributes:
        metric: Its name; empty for none yet.
        labels: ``name=value, …`` as it was typed.
        range: One of ``RANGES``; ignored where ``begin`` and ``end`` are given.
        begin, end: An absolute range, RFC 3339; both empty for a relative one.
        step: One of ``STEPS``; empty for one that suits the range.
        rate: ``on``, ``off``, or empty for what suits the metric.
    """

    metric: str = ""
    labels: str = ""
    range: str = "1h"
    begin: str = ""
    end: str = ""
    step: str = ""
    rate: str = ""

    @property
    def is_absolute(self) -> bool:
        """Whether the range does not move with the clock."""
        return bool(self.begin and self.end)

    @property
    def is_rate(self) -> bool:
        """Whether increases per second are drawn: of counters, unless something else was said."""
        return self.rate == "on" or (not self.rate and self.metric.endswith(_COUNTERS))

    def link(self, **changes: str) -> str:
        """The address of this graph with some of it changed."""
        new = replace(self, **changes)
        values = {
            "metric": new.metric,
            "labels": new.labels,
            "range": "" if new.is_absolute or new.range == "1h" else new.range,
            "from": new.begin,
            "to": new.end,
            "step": new.step,
            "rate": new.rate,
        }
        query = urlencode({name: value for name, value in values.items() if value})
        return f"/series?{query}" if query else "/series"

    def only(self, name: str, value: str) -> str:
        """The same graph of those series that have a label."""
        wanted = {**(labels_in(self.labels) or {}), name: value}
        return self.link(labels=labels_text(wanted))


def labels_in(text: str) -> dict[str, str] | None:
    r"""Labels as people type them; None if they cannot be read.

    >>> labels_in('role=web, path="/a,b"'), labels_in(""), labels_in("role")
    ({'role': 'web', 'path': '/a,b'}, {}, None)
    """
    text = text.strip().removeprefix("{").removesuffix("}").strip()
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        label = _LABEL.match(text, at)
        if label is None:
            return None
        value = label[2].strip()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found[label[1]] = value
        at = label.end()
    return found


def labels_text(labels: Mapping[str, str]) -> str:
    r"""Labels as ``labels_in`` reads them.

    >>> labels_text({"role": "web", "path": 'a "b", c'})
    'role=web, path="a \\"b\\", c"'
    """
    return ", ".join(f"{name}={_quoted(value)}" for name, value in labels.items())


def _quoted(value: str) -> str:
    if re.fullmatch(r"[\w./:+-]+", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def step_of(address: SeriesAddress, span: Span) -> timedelta:
    """The width of a step: what was chosen, or about 240 of them."""
    if address.step in STEPS:
        return timedelta(seconds=STEPS[address.step][1])
    return max(span.step(_POINTS), _LEAST_STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A series in the graph and in its legend.

    Attributes:
        labels: Those that tell it from the others shown.
        colour: Number of its colour, from 1.
        dash: Its pattern, as SVG and canvas take it.
        values: One a time of the graph; None where there is no sample, or it is no number.
    """

    labels: tuple[tuple[str, str], ...]
    colour: int
    dash: str
    values: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        """The values that there are."""
        return [value for value in self.values if value is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Lines ready for their template and for the script that draws them.

    Attributes:
        times: Of the values, in order.
        shown: At most ``SHOWN``, the highest first.
        shared: Labels that all of them have.
        left_out: How many other series have samples in the range.
        silent: How many have none.
    """

    times: tuple[datetime, ...]
    shown: tuple[Shown, ...]
    shared: tuple[tuple[str, str], ...]
    left_out: int
    silent: int

    def document(self) -> dict[str, object]:
        """What ``series.js`` reads: seconds since the epoch, and series with their values."""
        return {
            "times": [int(time.timestamp()) for time in self.times],
            "series": [
                {
                    "name": labels_text(dict(one.labels)) or "value",
                    "colour": one.colour,
                    "dash": [int(part) for part in one.dash.split()],
                    "values": one.values,
                }
                for one in self.shown
            ],
        }


def graph_of(lines: Sequence[Line]) -> Graph:
    """The lines that have samples, the highest first, on one axis of time."""
    alive = [line for line in lines if line.points]
    alive.sort(key=lambda line: -max(_order(point.value) for point in line.points))
    chosen = alive[:SHOWN]
    times = sorted({point.time for line in chosen for point in line.points})
    shared = _shared([line.series.labels for line in chosen])
    shown = []
    for place, line in enumerate(chosen):
        by_time = {point.time: point.value for point in line.points}
        own = tuple(pair for pair in sorted(line.series.labels.items()) if pair not in shared)
        shown.append(
            Shown(
                labels=own,
                colour=place % COLOURS + 1,
                dash=DASHES[place // COLOURS % len(DASHES)],
                values=tuple(_finite(by_time.get(time)) for time in times),
            )
        )
    return Graph(
        times=tuple(times),
        shown=tuple(shown),
        shared=shared,
        left_out=len(alive) - len(chosen),
        silent=len(lines) - len(alive),
    )


def _shared(every: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    common = set.intersection(*(set(labels.items()) for labels in every)) if every else set()
    return tuple(sorted(common))


def _order(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def number(value: float) -> str:
    """A value with four digits that mean something, and a prefix for large ones.

    >>> [number(value) for value in (0, 3, 0.1234567, 1234.5, 15525020, 3.2e9, -2.5)]
    ['0', '3', '0.1235', '1,234', '15.53 M', '3.2 G', '-2.5']
    """
    for limit, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M")):
        if abs(value) >= limit:
            return f"{value / limit:.4g}{unit}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def iso(time: datetime) -> str:
    """A time in an address."""
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
