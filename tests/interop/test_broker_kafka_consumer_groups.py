"""Consumer groups of the new protocol (KIP-848), with Apache Kafka's own consumers and tools."""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from tests.support.cluster import Cluster
from tests.support.consumer_groups import Traffic, at_rest, make_topic
from tests.support.kafka_tools import GROUPS, VERIFIABLE_CONSUMER, java, run_tool
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.peer("kafka"), pytest.mark.timeout(300)]

TOPIC, GROUP = "read", "readers"
PARTITIONS = 4
SECONDS = 120
SOON = ("--set", "groups.consumer_heartbeat_interval=PT0.2S")


@contextmanager
def reading(bootstrap: str, printed: Path) -> Iterator[Path]:
    """A verifiable consumer, which commits whatever it has read; yields what it prints."""
    reader = ("--topic", TOPIC, "--group-id", GROUP, "--group-protocol", "consumer")
    at = ("--bootstrap-server", bootstrap, "--reset-policy", "earliest")
    with printed.open("wb") as output:
        consumer = subprocess.Popen(
            java(VERIFIABLE_CONSUMER, *at, *reader), stdout=output, stderr=subprocess.DEVNULL
        )
    try:
        yield printed
    finally:
        consumer.terminate()
        consumer.wait(SECONDS)


def events(printed: Path) -> list[dict[str, Any]]:
    """What a verifiable consumer has told so far; the last line may not be whole yet."""
    text = printed.read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def assigned(printed: Path) -> set[int]:
    """The partitions that a verifiable consumer has."""
    has: set[int] = set()
    for event in events(printed):
        if event["name"] == "partitions_assigned":
            has |= {each["partition"] for each in event["partitions"]}
        if event["name"] == "partitions_revoked":
            has -= {each["partition"] for each in event["partitions"]}
    return has


def consumed(*printed: Path) -> list[tuple[int, int, int]]:
    """What verifiable consumers have read so far: partition, first and last offset."""
    return [
        (part["partition"], part["minOffset"], part["maxOffset"])
        for each in printed
        for event in events(each)
        if event["name"] == "records_consumed"
        for part in event["partitions"]
    ]


def ends(*printed: Path) -> Counter[int]:
    """How far each partition is read, if nothing was left out or read again."""
    reached: Counter[int] = Counter()
    for partition, first, last in sorted(consumed(*printed)):
        assert first == reached[partition], "nothing is lost or read again"
        reached[partition] = last + 1
    return reached


def read_records(*printed: Path) -> int:
    """How many records verifiable consumers have read so far."""
    return sum(last - first + 1 for _, first, last in consumed(*printed))


def test_kafkas_consumer_goes_on_where_it_was_after_a_kill(tmp_path: Path) -> None:
    with StandaloneBroker(tmp_path / "broker", *SOON) as broker:
        make_topic(AdminClient({"bootstrap.servers": broker.address}), TOPIC, PARTITIONS)
        with reading(broker.address, tmp_path / "printed") as printed:
            with Traffic(broker.address, TOPIC, PARTITIONS) as traffic:
                until(lambda: read_records(printed) > 200, "some is read", seconds=SECONDS)
                before = at_rest(broker.address, GROUP)

                broker.kill()
                broker.start()

                at_kill = read_records(printed)
                until(lambda: read_records(printed) > at_kill + 200, "it goes on", seconds=SECONDS)
                assert at_rest(broker.address, GROUP).held == before.held
            total = traffic.acknowledged.total()
            until(lambda: read_records(printed) >= total, "all is read", seconds=SECONDS)
            at = ("--bootstrap-server", broker.address)
            listed = run_tool(GROUPS, *at, "--list", "--state", "--type")
        described = run_tool(GROUPS, *at, "--group", GROUP, "--describe")

    assert ends(printed) == traffic.acknowledged
    assert [GROUP, "Consumer", "Stable"] in [line.split() for line in listed.splitlines()]
    rows = [line.split() for line in described.splitlines() if line.startswith(GROUP)]
    assert {int(row[2]): int(row[3]) for row in rows} == traffic.acknowledged


def test_kafkas_consumers_go_on_where_they_were_when_another_node_coordinates(
    tmp_path: Path,
) -> None:
    with Cluster(tmp_path, arguments=SOON) as cluster:
        at = cluster.bootstrap
        make_topic(AdminClient({"bootstrap.servers": at}), TOPIC, PARTITIONS, copies=3)
        first, second = reading(at, tmp_path / "first"), reading(at, tmp_path / "second")
        with first as one, second as other:
            until(
                lambda: len(assigned(one)) == len(assigned(other)) == PARTITIONS // 2,
                "each has half",
                seconds=SECONDS,
            )
            before = at_rest(at, GROUP)
            with Traffic(at, TOPIC, PARTITIONS) as traffic:
                until(lambda: read_records(one, other) > 200, "some is read", seconds=SECONDS)

                cluster.nodes[before.coordinator].kill()

                at_kill = read_records(one, other)
                until(lambda: read_records(one, other) > at_kill + 200, "on", seconds=SECONDS)
                assert at_rest(at, GROUP).held == before.held
            total = traffic.acknowledged.total()
            until(lambda: read_records(one, other) >= total, "all is read", seconds=SECONDS)

    assert ends(one, other) == traffic.acknowledged
