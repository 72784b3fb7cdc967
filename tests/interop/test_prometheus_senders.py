"""A real Prometheus writes to us, and we pull the pages that a real Prometheus serves."""

import socket
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from confluent_kafka import Producer

from pipeline.schema.control import TokenGrant, decision_key, encode_decision
from pipeline.schema.event import Event
from tests.support.collectors import CollectorsProcess, events
from tests.support.peers import running
from tests.support.standalone_broker import StandaloneBroker

pytestmark = pytest.mark.peer("prometheus")
TOKEN = "a token of the tests"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[StandaloneBroker]:
    """A broker on a fresh directory."""
    with StandaloneBroker(tmp_path / "broker") as started:
        yield started


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def grant_token(broker: str) -> None:
    """Make the token known, as the console does."""
    digest = sha256(TOKEN.encode()).hexdigest()
    grant = TokenGrant(id="prometheus", revision=1, digest=digest, role="ingest")
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    producer.produce("control", encode_decision(grant), decision_key(grant))
    assert producer.flush(10) == 0


def command(directory: Path, port: int, configuration: str) -> list[str]:
    path = directory / "prometheus.yml"
    path.write_text(configuration)
    return [
        "prometheus",
        f"--config.file={path}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]


def samples(broker: str, source: str) -> dict[object, list[Event]]:
    """The events of a source by metric name."""
    found: dict[object, list[Event]] = {}
    for event in events(broker, "events.metric"):
        if event.source == source:
            found.setdefault(event.fields["metric.name"], []).append(event)
    return found


@pytest.mark.parametrize("sign_in", ["authorization", "basic_auth"])
def test_prometheus_writes_its_samples(
    broker: StandaloneBroker, tmp_path: Path, sign_in: str
) -> None:
    port = free_port()
    how = {
        "authorization": f"authorization: {{credentials: {TOKEN!r}}}",
        "basic_auth": f"basic_auth: {{username: any, password: {TOKEN!r}}}",
    }
    with CollectorsProcess(broker.address) as collectors:
        grant_token(broker.address)
        configuration = f"""
global: {{scrape_interval: 1s, external_labels: {{site: lab}}}}
scrape_configs:
  - job_name: itself
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
remote_write:
  - url: http://127.0.0.1:{collectors.ports["http"]}/api/v1/write
    {how[sign_in]}
"""
        with running(command(tmp_path, port, configuration), tmp_path / "prometheus.log"):
            source = f"remote-write:itself/127.0.0.1:{port}"
            until(lambda: len(samples(broker.address, source).get("up", ())) >= 3, "samples of up")
            found = samples(broker.address, source)

    ups = found["up"]
    assert {event.fields["metric.value"] for event in ups} == {1.0}
    assert {event.fields["metric.label.site"] for event in ups} == {"lab"}
    assert len({event.time for event in ups}) == len(ups)
    assert len(found) > 100
    values = {str(event.fields["metric.value"]) for group in found.values() for event in group}
    assert "NaN" in values  # quantiles of summaries that saw nothing


def test_we_pull_what_prometheus_serves(broker: StandaloneBroker, tmp_path: Path) -> None:
    port = free_port()
    target = {"job": "peer", "url": f"http://127.0.0.1:{port}/metrics"}
    scrape = {"interval": "PT1S", "targets": [target]}

    with (
        running(command(tmp_path, port, "global: {}\n"), tmp_path / "prometheus.log"),
        CollectorsProcess(broker.address, scrape=scrape),
    ):
        source = f"scrape:peer/127.0.0.1:{port}"
        until(
            lambda: "prometheus_build_info" in samples(broker.address, source),
            "a page of Prometheus",
        )
        found = samples(broker.address, source)

    assert found["up"][-1].fields["metric.value"] == 1.0
    scraped = found["scrape_samples_scraped"][-1].fields["metric.value"]
    assert isinstance(scraped, float)
    assert scraped > 100
    assert {event.fields["metric.label.job"] for event in found["prometheus_build_info"]} == {
        "peer"
    }
