"""Elections and reassignments that an operator asks the controller for."""

from dataclasses import replace
from uuid import UUID

from broker_core.errors import ErrorCode
from broker_core.protocol.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    ReassignablePartition,
    ReassignableTopic,
)
from broker_core.protocol.messages.elect_leaders import ElectedTopic, ElectLeadersRequest
from broker_core.protocol.messages.list_partition_reassignments import (
    ListedTopic,
    ListPartitionReassignmentsRequest,
)
from broker_core.replication.cluster_state import ClusterState, Node, Partition, Topic
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.partition_changes import (
    elect_leaders,
    list_reassignments,
    reassign,
)

PARTITION = Partition(
    topic="logs",
    topic_id=UUID(int=7),
    index=0,
    replicas=(1, 2),
    isr=(1, 2),
    leader=1,
    leader_epoch=0,
    partition_epoch=0,
)
UNCLEAN = 1


def cluster(*partitions: Partition, fenced: tuple[int, ...] = ()) -> ControllerState:
    nodes = {
        node: Node(node_id=node, host="h", port=node, epoch=1, fenced=node in fenced)
        for node in (1, 2, 3)
    }
    numbered = tuple(replace(each, index=index) for index, each in enumerate(partitions))
    topic = Topic(name="logs", topic_id=UUID(int=7), configs={}, partitions=numbered)
    state = ClusterState(version=1, cluster_id="c", nodes=nodes, topics={"logs": topic})
    return ControllerState(cluster=state)


def elected(
    state: ControllerState, kind: int, *indexes: int
) -> tuple[ControllerState, dict[int, int]]:
    asked = (ElectedTopic(topic="logs", partitions=indexes),) if indexes else None
    request = ElectLeadersRequest(election_type=kind, topic_partitions=asked)
    after, response = elect_leaders(state, request)
    return after, {
        each.partition_id: each.error_code
        for topic in response.replica_election_results
        for each in topic.partition_result
    }


def test_preferred_leaders_are_elected_where_they_can_lead() -> None:
    away = replace(PARTITION, leader=2)
    state = cluster(PARTITION, away, replace(away, isr=(2,)))

    after, outcomes = elected(state, 0, 0, 1, 2, 3)

    assert after.partition("logs", 1).leader == 1
    assert outcomes == {
        0: ErrorCode.ELECTION_NOT_NEEDED,
        1: ErrorCode.NONE,
        2: ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
        3: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    }


def test_asked_for_all_only_those_that_need_it_are_mentioned() -> None:
    _, outcomes = elected(cluster(PARTITION, replace(PARTITION, leader=2)), 0)

    assert outcomes == {1: ErrorCode.NONE}


def test_an_unclean_election_needs_an_offline_partition_and_a_live_replica() -> None:
    offline = replace(PARTITION, leader=-1, isr=(1,))
    nobody = replace(PARTITION, leader=-1, isr=(1,), replicas=(1,))
    state = cluster(offline, replace(PARTITION, leader=2, isr=(2,)), nobody, fenced=(1,))

    after, outcomes = elected(state, UNCLEAN, 0, 1, 2)

    assert after.partition("logs", 0).leader == 2
    assert outcomes == {
        0: ErrorCode.NONE,
        1: ErrorCode.ELECTION_NOT_NEEDED,
        2: ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
    }
    assert elected(state, 7, 0)[1] == {0: ErrorCode.INVALID_REQUEST}


def moved(state: ControllerState, replicas: tuple[int, ...] | None) -> tuple[ControllerState, int]:
    partition = ReassignablePartition(partition_index=0, replicas=replicas)
    topic = ReassignableTopic(name="logs", partitions=(partition,))
    after, response = reassign(state, AlterPartitionReassignmentsRequest(topics=(topic,)))
    return after, response.responses[0].partitions[0].error_code


def test_a_reassignment_begins_is_listed_and_ends() -> None:
    state = cluster(PARTITION)

    begun, error = moved(state, (3, 2))

    assert error == 0
    assert begun.partition("logs", 0).adding == (3,)
    _, listed = list_reassignments(begun, ListPartitionReassignmentsRequest(topics=None))
    [ongoing] = listed.topics[0].partitions
    assert (ongoing.adding_replicas, ongoing.removing_replicas) == ((3,), (1,))
    other = ListedTopic(name="logs", partition_indexes=(1,))
    _, none = list_reassignments(begun, ListPartitionReassignmentsRequest(topics=(other,)))
    assert none.topics == ()

    ended, error = moved(begun, None)

    assert error == 0
    assert not ended.partition("logs", 0).is_reassigning
    assert moved(ended, None)[1] == ErrorCode.NO_REASSIGNMENT_IN_PROGRESS


def test_nobody_is_moved_to_a_node_that_is_not_known() -> None:
    state = cluster(PARTITION)

    after, error = moved(state, (9,))

    assert after is state
    assert error == ErrorCode.INVALID_REPLICA_ASSIGNMENT
