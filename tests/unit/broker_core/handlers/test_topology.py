"""The cluster that a node without siblings is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.handlers.topology import OtherListener, SingleNode
from broker_core.log.log_directory import LogDirectory
from broker_core.replication.cluster_state import Node
from tests.support.partition import open_directory


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogDirectory]:
    opened = open_directory(tmp_path)
    yield opened
    opened.let_go()


@pytest.fixture
def topology(logs: LogDirectory) -> SingleNode:
    return SingleNode(logs, node_id=3, host="log.example", port=9192)


def test_it_is_its_only_node_and_decides_itself(logs: LogDirectory, topology: SingleNode) -> None:
    node = Node(node_id=3, host="log.example", port=9192, epoch=0, fenced=False)

    assert topology.state.nodes == {3: node}
    assert topology.state.cluster_id == logs.cluster_id
    assert topology.controller is None


def test_it_leads_every_partition_of_the_directory(
    logs: LogDirectory, topology: SingleNode
) -> None:
    made = logs.create_topic("events", 2, {"retention.ms": "5"})

    topic = topology.state.topics["events"]

    assert (topic.topic_id, topic.configs) == (made.topic_id, {"retention.ms": "5"})
    assert [(each.index, each.leader, each.isr) for each in topic.partitions] == [
        (0, 3, (3,)),
        (1, 3, (3,)),
    ]


def test_its_state_changes_with_the_directory_and_not_otherwise(
    logs: LogDirectory, topology: SingleNode
) -> None:
    logs.create_topic("events", 1, {})
    before = topology.state
    unchanged = topology.state
    logs.add_partitions("events", 3)

    assert unchanged is before
    assert len(topology.state.topics["events"].partitions) == 3

    logs.delete_topic("events")

    assert topology.state.topics == {}


def test_another_listener_shows_the_same_cluster_at_other_addresses(
    logs: LogDirectory, topology: SingleNode
) -> None:
    other = OtherListener(topology, host="tls.example", port_shift=3)
    before = other.state
    logs.create_topic("events", 1, {})

    node = Node(node_id=3, host="tls.example", port=9195, epoch=0, fenced=False)
    assert before.nodes == other.state.nodes == {3: node}
    assert (set(before.topics), set(other.state.topics)) == (set(), {"events"})
    assert other.state is other.state, "made once for each state"
    assert other.controller is None
