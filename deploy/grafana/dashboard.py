"""The Grafana dashboard, as code; ``python deploy/grafana/dashboard.py`` writes its JSON anew.

Both data sources of ``provisioning/datasources/tocsin.yaml`` are used: Prometheus for what the
roles measure of themselves, the store for events and alerts. A test compares the written file,
runs every SQL on the store and holds every metric against those that are declared.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import common, prometheus, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import GraphDrawStyle, StackingMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef, GridPos

WRITTEN = Path(__file__).parent / "dashboards" / "tocsin.json"
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="tocsin-prometheus")
STORE = DataSourceRef(type_val="grafana-clickhouse-datasource", uid="tocsin-store")
_HEIGHT = 8
_WIDTH = 8  # of 24: three panels a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A time series of Prometheus.

    Attributes:
        unit: Grafana's name of it.
        series: PromQL by the legend of its series.
    """

    title: str
    description: str
    unit: str
    series: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What a SELECT of the store shows: a table, or bars over the columns time, label, number."""

    title: str
    description: str
    sql: str
    over_time: bool


# Events count by when they were observed, because the table is ordered by that; alerts by the
# time of what they found, because that is what the console lists them by.
STORED = (
    Selected(
        title="Events stored, by source",
        description="By the time they were observed; what is missing here is in the log or lost.",
        over_time=True,
        sql="SELECT $__timeInterval(minute) AS time, source, sum(events) AS events"
        " FROM source_minutes WHERE $__timeFilter(minute) AND kind = 'log'"
        " GROUP BY time, source ORDER BY time",
    ),
    Selected(
        title="Alerts, by level",
        description="By the time of the event that completed them.",
        over_time=True,
        sql="SELECT $__timeInterval(time) AS at, level, count() AS alerts FROM alerts FINAL"
        " WHERE $__timeFilter(time) GROUP BY at, level ORDER BY at",
    ),
    Selected(
        title="Rules that fired most",
        description="Each with how many alerts and how many entities they are about.",
        over_time=False,
        sql="SELECT rule_title AS rule, any(level) AS level, count() AS alerts,"
        " uniqExact(entity) AS entities, max(time) AS last FROM alerts FINAL"
        " WHERE $__timeFilter(time) GROUP BY rule ORDER BY alerts DESC, rule LIMIT 20",
    ),
    Selected(
        title="Loudest hosts",
        description="Which hosts sent most of the events in this range.",
        over_time=False,
        sql="SELECT host, count() AS events, uniqExact(source) AS sources, max(time) AS last"
        " FROM events WHERE $__timeFilter(observed_time) AND host != ''"
        " GROUP BY host ORDER BY events DESC, host LIMIT 20",
    ),
    Selected(
        title="Events without a parser, by source",
        description="Kept raw: they can be searched as text, and few rules see them.",
        over_time=False,
        sql="SELECT source, parse_error AS why, count() AS events FROM events"
        " WHERE $__timeFilter(observed_time) AND parse_error != ''"
        " GROUP BY source, why ORDER BY events DESC, source LIMIT 20",
    ),
    Selected(
        title="Dead letters",
        description="What could not be processed and lies on the dead-letter topic as it came.",
        over_time=False,
        sql="SELECT source, reason, count() AS records, max(time) AS last FROM dead_letters FINAL"
        " WHERE $__timeFilter(time) GROUP BY source, reason ORDER BY records DESC LIMIT 20",
    ),
)

FLOW = (
    Graph(
        title="Received, by collector",
        description="Events decoded from senders.",
        unit="eps",
        series={
            "{{collector}}": "sum by (collector)"
            " (rate(tocsin_collector_received_events_total[$__rate_interval]))"
        },
    ),
    Graph(
        title="Stored, by topic",
        description="Records that sinks have put in their place.",
        unit="eps",
        series={
            "{{topic}}": "sum by (topic)"
            " (rate(tocsin_sink_written_records_total[$__rate_interval]))"
        },
    ),
    Graph(
        title="Appended to the log, by topic",
        description="Above what is stored for long: a sink is behind.",
        unit="eps",
        series={
            "{{topic}}": "sum by (topic)"
            " (rate(kafka_server_brokertopicmetrics_messagesin_total[$__rate_interval]))"
        },
    ),
    Graph(
        title="Rules are behind by",
        description="Records of events.log not yet evaluated.",
        unit="short",
        series={"records": "sum(tocsin_detections_lag_records)"},
    ),
    Graph(
        title="Time to an acknowledgement",
        description="95th percentile: the log's sync, a published batch, an INSERT.",
        unit="s",
        series={
            what: f"histogram_quantile(0.95, sum by (le) (rate({metric}[$__rate_interval])))"
            for what, metric in (
                ("sync", "kafka_log_logflushstats_logflush_seconds_bucket"),
                ("publish", "tocsin_bus_publish_seconds_bucket"),
                ("insert", "tocsin_store_insert_seconds_bucket"),
            )
        },
    ),
    Graph(
        title="Waiting in memory",
        description="Before the log acknowledged it, and before the store did.",
        unit="bytes",
        series={
            "collectors": "sum(tocsin_collector_in_flight_bytes)",
            "sinks": "sum(tocsin_sink_buffered_bytes)",
        },
    ),
)

TROUBLE = (
    Graph(
        title="Dropped and parked",
        description="A flat zero is what to expect.",
        unit="eps",
        series={
            "{{collector}}: {{reason}}": "sum by (collector, reason)"
            " (rate(tocsin_collector_dropped_events_total[$__rate_interval]))",
            "{{topic}}: {{reason}}": "sum by (topic, reason)"
            " (rate(tocsin_sink_dead_lettered_records_total[$__rate_interval]))",
        },
    ),
    Graph(
        title="Errors",
        description="Of the log, the sinks and the store, as those who asked them saw it.",
        unit="eps",
        series={
            "log: {{error}}": "sum by (error)"
            " (rate(tocsin_bus_unacknowledged_records_total[$__rate_interval]))",
            "sinks: {{error}}": "sum by (error)"
            " (rate(tocsin_sink_failed_attempts_total[$__rate_interval]))",
            "store: {{error}}": "sum by (error)"
            " (rate(tocsin_store_client_errors_total[$__rate_interval]))",
            "refused: {{lane}}": "sum by (lane)"
            " (rate(tocsin_store_refused_statements_total[$__rate_interval]))",
        },
    ),
    Graph(
        title="Webhook attempts",
        description="By destination and what came of them.",
        unit="eps",
        series={
            "{{destination}}: {{status}}": "sum by (destination, status)"
            " (rate(tocsin_webhook_attempts_total[$__rate_interval]))"
        },
    ),
)

ROLES = (
    Graph(
        title="Running",
        description="1 while a role answers that it is ready.",
        unit="short",
        series={"{{role}}": "tocsin_role_running"},
    ),
    Graph(
        title="CPU, by role",
        description="Cores in use.",
        unit="short",
        series={
            "{{role}}": 'rate(process_cpu_seconds_total{job="tocsin"}[$__rate_interval])',
        },
    ),
    Graph(
        title="Memory, by role",
        description="Resident.",
        unit="bytes",
        series={"{{role}}": 'process_resident_memory_bytes{job="tocsin"}'},
    ),
)


class StoreQuery(Dataquery):
    """A query for grafana-clickhouse-datasource, for which the SDK has no type; untried there."""

    def __init__(self, selected: Selected) -> None:
        self.selected = selected

    def to_json(self) -> dict[str, object]:
        """What the panel's JSON says; format 0 is a time series, 1 a table."""
        return {
            "refId": "A",
            "datasource": STORE,
            "editorType": "sql",
            "queryType": "timeseries" if self.selected.over_time else "table",
            "format": 0 if self.selected.over_time else 1,
            "rawSql": self.selected.sql,
        }


class _StoreQueryBuilder(Builder[Dataquery]):
    def __init__(self, selected: Selected) -> None:
        self._selected = selected

    def build(self) -> Dataquery:
        return StoreQuery(self._selected)


def dashboard() -> str:
    """The dashboard's JSON, always the same for the same code."""
    board = (
        Dashboard("Tocsin")
        .uid("tocsin")
        .description("What comes in, what fires, and what it costs.")
        .tags(["tocsin"])
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("browser")
    )
    rows: tuple[tuple[str, Sequence[Graph | Selected]], ...] = (
        ("What is stored", STORED),
        ("The way there", FLOW),
        ("Trouble", TROUBLE),
        ("Roles", ROLES),
    )
    top = 0
    for title, panels in rows:
        board.with_row(Row(title).grid_pos(GridPos(x=0, y=top, w=24, h=1)))
        top += 1
        for number, panel in enumerate(panels):
            at = GridPos(x=number % 3 * _WIDTH, y=top + number // 3 * _HEIGHT, w=_WIDTH, h=_HEIGHT)
            board.with_panel(
                _selected(panel, at) if isinstance(panel, Selected) else _graph(panel, at)
            )
        top += (len(panels) + 2) // 3 * _HEIGHT
    return json.dumps(board.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _graph(graph: Graph, at: GridPos) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(graph.title)
        .description(graph.description)
        .datasource(PROMETHEUS)
        .grid_pos(at)
        .unit(graph.unit)
        .min(0)
    )
    for number, (legend, expression) in enumerate(graph.series.items()):
        query = prometheus.Dataquery().ref_id("ABCDEFGH"[number]).expr(expression).range()
        panel.with_target(query.legend_format(legend).datasource(PROMETHEUS))
    return panel


def _selected(selected: Selected, at: GridPos) -> timeseries.Panel | table.Panel:
    panel: timeseries.Panel | table.Panel = table.Panel()
    if selected.over_time:
        stacked = common.StackingConfig().mode(StackingMode.NORMAL)
        bars = timeseries.Panel().draw_style(GraphDrawStyle.BARS).fill_opacity(80)
        panel = bars.stacking(stacked).min(0).interval("1m")  # source_minutes has no finer
    panel.title(selected.title).description(selected.description).datasource(STORE)
    return panel.grid_pos(at).with_target(_StoreQueryBuilder(selected))


if __name__ == "__main__":
    WRITTEN.write_text(dashboard())
