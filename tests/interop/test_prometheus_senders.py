"""A real Prometheus writes to us, and we pull the pages that a real Prometheus serves."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from confluent_kafka import Producer

from pipeline.schema.control import TokenGrant, decision_key, encode_decision
from pipeline.schema.event import Event
from tests.support.collectors import CollectorsProcess, events
from tests.support.peers import running
from tests.support.ports import free_port
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

pytestmark = pytest.mark.peer("prometheus")
TOKEN = "a token of the tests"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[StandaloneBroker]:
    """A broker on a fresh directory."""
    with StandaloneBroker(tmp_path / "broker") as started:
        yield started


def grant_token(broker: str) -> None:
    """Make the token known, as the console does."""
    digest = sha256(TOKEN.encode()).hexdigest()
    grant = TokenGrant(id="prometheus", revision=1, digest=digest, role="ingest")
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    producer.produce("control", encode_decision(grant), decision_key(grant))
    assert producer.flush(60) == 0


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

            def is_enough() -> bool:
                found = samples(broker.address, source)
                ups = [event.fields["metric.value"] for event in found.get("up", ())]
                return ups.count(1.0) >= 3 and len(found) > 100 and "NaN" in values(found)

            until(is_enough, "three scrapes of it, and all its series")
            found = samples(broker.address, source)

    ups = found["up"]
    assert {event.fields["metric.label.site"] for event in ups} == {"lab"}
    assert len({event.time for event in ups}) == len(ups)


def values(found: dict[object, list[Event]]) -> set[str]:
    """Every value; ``NaN`` is what quantiles of summaries are that saw nothing."""
    return {str(event.fields["metric.value"]) for group in found.values() for event in group}


def test_we_pull_what_prometheus_serves(broker: StandaloneBroker, tmp_path: Path) -> None:
    port = free_port()
    target = {"job": "peer", "url": f"http://127.0.0.1:{port}/metrics"}
    scrape = {"interval": "PT1S", "targets": [target]}

    with (
        running(command(tmp_path, port, "global: {}\n"), tmp_path / "prometheus.log"),
        CollectorsProcess(broker.address, scrape=scrape),
    ):
        source = f"scrape:peer/127.0.0.1:{port}"

        def is_whole() -> bool:
            found = samples(broker.address, source)
            ups = {event.fields["metric.value"] for event in found.get("up", ())}
            return 1.0 in ups and {"prometheus_build_info", "scrape_samples_scraped"} <= set(found)

        until(is_whole, "a page of Prometheus, and what we say of it")
        found = samples(broker.address, source)

    scraped = {event.fields["metric.value"] for event in found["scrape_samples_scraped"]}
    assert max(float(str(value)) for value in scraped) > 100
    assert {event.fields["metric.label.job"] for event in found["prometheus_build_info"]} == {
        "peer"
    }
