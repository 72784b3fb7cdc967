"""Apache Kafka's own tools against our broker: topics, settings, groups, verifiable clients."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kafka_tools import (
    CONFIGS,
    GROUPS,
    LEADER_ELECTION,
    LOG_DIRS,
    OFFSETS,
    REASSIGN,
    TOPICS,
    VERIFIABLE_CONSUMER,
    VERIFIABLE_PRODUCER,
    run_tool,
)
from tests.support.standalone_broker import StandaloneBroker

pytestmark = [pytest.mark.process, pytest.mark.peer("kafka"), pytest.mark.timeout(300)]

RECORDS = 5_000


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with StandaloneBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield ("--bootstrap-server", broker.address)


def events(printed: str, name: str) -> list[dict[str, object]]:
    """The verifiable clients print one JSON object a line."""
    lines = [json.loads(line) for line in printed.splitlines()]
    return [line for line in lines if line["name"] == name]


def test_a_topic_is_made_changed_and_described(at: tuple[str, str]) -> None:
    new = ("--topic", "made", "--partitions", "2", "--config", "retention.ms=60000")

    assert "Created topic made." in run_tool(TOPICS, *at, "--create", *new)
    topic = ("--entity-type", "topics", "--entity-name", "made")
    run_tool(CONFIGS, *at, *topic, "--alter", "--add-config", "segment.bytes=2000000")
    described = run_tool(TOPICS, *at, "--describe", "--topic", "made")

    assert "PartitionCount: 2" in described
    assert "retention.ms=60000" in described
    assert "segment.bytes=2000000" in described


def test_what_the_verifiable_producer_sent_the_verifiable_consumer_reads(
    at: tuple[str, str],
) -> None:
    run_tool(TOPICS, *at, "--create", "--topic", "checked", "--partitions", "3")
    count = ("--max-messages", str(RECORDS))
    sent = run_tool(VERIFIABLE_PRODUCER, *at, "--topic", "checked", "--acks", "-1", *count)
    read = run_tool(VERIFIABLE_CONSUMER, *at, "--topic", "checked", *reader("checkers"), *count)

    assert len(events(sent, "producer_send_success")) == RECORDS
    assert sum(int(str(one["count"])) for one in events(read, "records_consumed")) == RECORDS
    ends = [line.rsplit(":", 1) for line in run_tool(OFFSETS, *at, "--topic", "checked").split()]
    assert sum(int(end) for _, end in ends) == RECORDS
    assert '"partition":"checked-0"' in run_tool(LOG_DIRS, *at, "--describe")


def test_a_group_is_described_reset_and_forgotten(at: tuple[str, str]) -> None:
    run_tool(TOPICS, *at, "--create", "--topic", "read", "--partitions", "1")
    count = ("--max-messages", "20")
    run_tool(VERIFIABLE_PRODUCER, *at, "--topic", "read", *count)
    run_tool(VERIFIABLE_CONSUMER, *at, "--topic", "read", *reader("readers"), *count)
    group = (*at, "--group", "readers")

    assert offsets_and_lag(run_tool(GROUPS, *group, "--describe")) == [("20", "20", "0")]
    run_tool(GROUPS, *group, "--topic", "read", "--reset-offsets", "--to-offset", "5", "--execute")
    assert offsets_and_lag(run_tool(GROUPS, *group, "--describe")) == [("5", "20", "15")]
    run_tool(GROUPS, *group, "--topic", "read", "--delete-offsets")
    assert offsets_and_lag(run_tool(GROUPS, *group, "--describe")) == []


def test_leaders_are_elected_and_partitions_reassigned(at: tuple[str, str], tmp_path: Path) -> None:
    run_tool(TOPICS, *at, "--create", "--topic", "moved", "--partitions", "1")
    topic = ("--topic", "moved", "--partition", "0")
    plan = tmp_path / "plan.json"
    plan.write_text(
        json.dumps(
            {"version": 1, "partitions": [{"topic": "moved", "partition": 0, "replicas": [0]}]}
        )
    )

    elected = run_tool(LEADER_ELECTION, *at, "--election-type", "preferred", *topic)
    planned = (*at, "--reassignment-json-file", str(plan), "--preserve-throttles")
    run_tool(REASSIGN, *at, "--reassignment-json-file", str(plan), "--execute")
    verified = run_tool(REASSIGN, *planned, "--verify")
    under_way = run_tool(REASSIGN, *at, "--list")

    assert "Valid replica already elected for partitions moved-0" in elected
    assert "Reassignment of partition moved-0 is completed." in verified
    assert "No partition reassignments found." in under_way


def reader(group: str) -> tuple[str, ...]:
    return ("--group-id", group, "--reset-policy", "earliest")


def offsets_and_lag(described: str) -> list[tuple[str, ...]]:
    """Committed, end and lag of each partition."""
    rows = [line.split() for line in described.splitlines() if line.startswith("readers")]
    return [tuple(row[3:6]) for row in rows]
