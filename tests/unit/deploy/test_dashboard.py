"""The Grafana dashboard: written from its code, over metrics and tables that there are."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from appliance.reference import METRIC_MODULES
from deploy.grafana.dashboard import PROMETHEUS, STORE, WRITTEN, dashboard
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.migrate import migrate
from tests.support.store import StoreProcess

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
SUFFIXES = {Counter: ("_total",), Gauge: ("",), Histogram: ("_bucket", "_count", "_sum")}
RANGE = "toDateTime('2026-11-22 00:00:00') AND toDateTime('2026-11-22 06:00:00')"


def targets(source: str | None) -> list[dict[str, Any]]:
    panels = json.loads(dashboard())["panels"]
    found = [target for panel in panels for target in panel.get("targets") or []]
    return [target for target in found if target["datasource"]["uid"] == source]


def exposed_names() -> set[str]:
    """Every name that a role's /metrics can show, and those of Prometheus and its client."""
    names = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}
    for module in METRIC_MODULES:
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                stem = next(iter(metric.describe())).name
                names.update(stem + suffix for suffix in SUFFIXES[type(metric)])
    return names


def metrics_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:tocsin|kafka|process)_[a-z0-9_]+\b|\bup\b", expression))


def expanded(sql: str) -> str:
    """The SQL with the macros of Grafana's plugin as it replaces them."""
    sql = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN {RANGE}", sql)
    return re.sub(
        r"\$__timeInterval\((\w+)\)",
        r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)",
        sql,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    process = StoreProcess(tmp_path_factory.mktemp("store"))
    process.start()
    try:
        asyncio.run(migrate(process.settings))
        yield process
    finally:
        process.stop()


def test_the_written_dashboard_is_what_its_code_gives() -> None:
    assert WRITTEN.read_text() == dashboard()


def test_both_provisioned_data_sources_are_used() -> None:
    path = DEPLOY / "grafana" / "provisioning" / "datasources" / "tocsin.yaml"
    provisioned = {one["uid"] for one in yaml.safe_load(path.read_text())["datasources"]}
    assert provisioned == {PROMETHEUS.uid, STORE.uid}
    for uid in provisioned:
        assert targets(uid), f"no panel asks {uid}"


def test_every_panel_has_its_own_place_and_every_query_of_it_its_own_name() -> None:
    panels = json.loads(dashboard())["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    for panel in panels:
        names = [target["refId"] for target in panel.get("targets") or []]
        assert len(names) == len(set(names)), panel["title"]


def test_graphs_show_only_metrics_that_are_declared() -> None:
    for target in targets(PROMETHEUS.uid):
        used = metrics_in(target["expr"])
        assert used, target["expr"]
        assert used <= exposed_names(), target["expr"]


def test_alert_rules_use_only_metrics_that_are_declared() -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "tocsin.rules.yml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        used = metrics_in(rule["expr"])
        assert used, rule["alert"]
        assert used <= exposed_names(), rule["alert"]


async def test_the_store_answers_every_query_to_somebody_who_may_only_read(
    store: StoreProcess,
) -> None:
    asked = [target["rawSql"] for target in targets(STORE.uid)]
    assert asked
    async with StoreClient(store.reader) as client:
        for sql in asked:
            assert "$__" not in expanded(sql)
            await client.query(NamedQuery(name="dashboard", sql=expanded(sql), parameters={}))
