"""What a state of the cluster tells about its partitions and nodes."""

from dataclasses import replace
from uuid import UUID

from broker_core.replication.cluster_state import (
    NO_LEADER,
    NOTHING_KNOWN,
    ClusterState,
    Node,
    Partition,
    Topic,
)

PARTITION = Partition(
    topic="logs",
    topic_id=UUID(int=7),
    index=0,
    replicas=(1, 2, 3),
    isr=(1, 2, 3),
    leader=1,
    leader_epoch=0,
    partition_epoch=0,
)
STATE = ClusterState(
    version=3,
    cluster_id="c",
    nodes={
        1: Node(node_id=1, host="h", port=1, epoch=1, fenced=False),
        2: Node(node_id=2, host="h", port=2, epoch=2, fenced=True),
    },
    topics={
        "logs": Topic(name="logs", topic_id=UUID(int=7), configs={}, partitions=(PARTITION,)),
    },
)


def test_finds_partitions_that_exist_and_no_others() -> None:
    assert STATE.partition("logs", 0) is PARTITION
    assert STATE.partition("logs", 1) is None
    assert STATE.partition("logs", -1) is None
    assert STATE.partition("other", 0) is None
    assert list(STATE.partitions()) == [PARTITION]


def test_a_node_is_alive_once_registered_and_not_fenced() -> None:
    assert STATE.is_alive(1)
    assert not STATE.is_alive(2)
    assert not STATE.is_alive(3)


def test_in_the_beginning_nothing_is_known() -> None:
    assert NOTHING_KNOWN.version == 0
    assert not NOTHING_KNOWN.nodes
    assert not NOTHING_KNOWN.topics


def test_a_partition_is_under_replicated_while_a_replica_is_not_in_sync() -> None:
    assert not PARTITION.is_under_replicated
    assert replace(PARTITION, isr=(1, 3)).is_under_replicated


def test_a_replica_that_a_reassignment_brings_is_not_missed_yet() -> None:
    moving = replace(PARTITION, replicas=(1, 2, 3, 4), adding=(4,), removing=(1,))

    assert moving.is_reassigning
    assert not moving.is_under_replicated
    assert replace(moving, isr=(1, 2)).is_under_replicated


def test_without_a_leader_a_partition_is_offline() -> None:
    assert not PARTITION.is_offline
    assert replace(PARTITION, leader=NO_LEADER).is_offline
