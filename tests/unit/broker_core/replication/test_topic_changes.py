"""Topics made, grown, changed and deleted by the controller."""

from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from broker_core.errors import ErrorCode
from broker_core.protocol.messages.create_partitions import (
    CreatePartitionsAssignment,
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from broker_core.protocol.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from broker_core.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from broker_core.protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from broker_core.replication.cluster_state import ClusterState, Node
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.topic_changes import (
    TopicRules,
    alter_configs,
    create_partitions,
    create_topics,
    delete_topics,
)
from broker_core.settings import ControllerSettings


def rules(**values: Any) -> TopicRules:
    numbers = count(1)
    settings = ControllerSettings(
        data_dir=Path("/nowhere"), default_replication=2, max_partitions=10, **values
    )
    return TopicRules(settings, lambda: UUID(int=next(numbers)))


def cluster(*alive: int, fenced: tuple[int, ...] = ()) -> ControllerState:
    nodes = {
        node: Node(node_id=node, host="h", port=node, epoch=1, fenced=node in fenced)
        for node in (*alive, *fenced)
    }
    return ControllerState(cluster=ClusterState(version=1, cluster_id="c", nodes=nodes))


def asked(name: str = "logs", partitions: int = 2, copies: int = -1, **values: Any) -> Any:
    fields = {"assignments": (), "configs": (), **values}
    return CreatableTopic(name=name, num_partitions=partitions, replication_factor=copies, **fields)


def made(state: ControllerState, *topics: CreatableTopic) -> ControllerState:
    state, response = create_topics(state, CreateTopicsRequest(topics=topics), rules())
    assert [each.error_code for each in response.topics] == [0] * len(topics)
    return state


def refused(state: ControllerState, topic: CreatableTopic) -> ErrorCode:
    after, response = create_topics(state, CreateTopicsRequest(topics=(topic,)), rules())
    assert after is state
    return ErrorCode(response.topics[0].error_code)


def test_a_topic_gets_partitions_copies_and_leaders() -> None:
    state = made(cluster(1, 2, 3), asked(partitions=3))

    partitions = state.cluster.topics["logs"].partitions
    assert [each.index for each in partitions] == [0, 1, 2]
    assert {each.leader for each in partitions} == {1, 2, 3}
    assert all(len(each.replicas) == 2 and each.isr == each.replicas for each in partitions)


def test_a_node_that_is_down_may_hold_what_it_cannot_lead_yet() -> None:
    state = made(cluster(1, fenced=(2,)), asked(partitions=2))

    for each in state.cluster.partitions():
        assert set(each.replicas) == {1, 2}
        assert (each.leader, each.isr) == (1, (1,))


def test_an_assignment_is_taken_as_it_is_written() -> None:
    written = (
        CreatableReplicaAssignment(partition_index=1, broker_ids=(3, 1)),
        CreatableReplicaAssignment(partition_index=0, broker_ids=(2,)),
    )

    state = made(cluster(1, 2, 3), asked(partitions=-1, assignments=written))

    assert [each.replicas for each in state.cluster.partitions()] == [(2,), (3, 1)]


def test_only_asking_changes_nothing() -> None:
    state = cluster(1, 2)
    request = CreateTopicsRequest(topics=(asked(),), validate_only=True)

    after, response = create_topics(state, request, rules())

    assert after is state
    assert response.topics[0].error_code == 0
    assert response.topics[0].num_partitions == 2


@pytest.mark.parametrize(
    ("topic", "error"),
    [
        (asked("a/b"), ErrorCode.INVALID_TOPIC_EXCEPTION),
        (asked(partitions=0), ErrorCode.INVALID_PARTITIONS),
        (asked(copies=3), ErrorCode.INVALID_REPLICATION_FACTOR),
        (asked(copies=0), ErrorCode.INVALID_REPLICATION_FACTOR),
        (asked(partitions=11), ErrorCode.POLICY_VIOLATION),
        (
            asked(configs=(CreatableTopicConfig(name="nonsense", value="1"),)),
            ErrorCode.INVALID_CONFIG,
        ),
        (
            asked(
                partitions=-1,
                assignments=(CreatableReplicaAssignment(partition_index=0, broker_ids=(9,)),),
            ),
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        ),
        (
            asked(
                partitions=-1,
                assignments=(CreatableReplicaAssignment(partition_index=1, broker_ids=(1,)),),
            ),
            ErrorCode.INVALID_REPLICA_ASSIGNMENT,
        ),
    ],
)
def test_what_cannot_be_is_refused(topic: CreatableTopic, error: ErrorCode) -> None:
    assert refused(cluster(1, 2), topic) == error


def test_a_name_is_given_once() -> None:
    state = made(cluster(1, 2), asked())

    assert refused(state, asked()) == ErrorCode.TOPIC_ALREADY_EXISTS


def grown(state: ControllerState, count: int, assignments: Any = None) -> tuple[Any, ErrorCode]:
    topic = CreatePartitionsTopic(name="logs", count=count, assignments=assignments)
    request = CreatePartitionsRequest(topics=(topic,), timeout_ms=1, validate_only=False)
    after, response = create_partitions(state, request, rules())
    return after, ErrorCode(response.results[0].error_code)


def test_a_topic_grows_and_never_shrinks() -> None:
    state = made(cluster(1, 2, 3), asked())
    before = state.cluster.topics["logs"].partitions

    after, error = grown(state, 5)

    assert error == ErrorCode.NONE
    partitions = after.cluster.topics["logs"].partitions
    assert [each.index for each in partitions] == [0, 1, 2, 3, 4]
    assert all(new is old for new, old in zip(partitions, before, strict=False))
    assert grown(after, 5)[1] == ErrorCode.INVALID_PARTITIONS
    assert grown(after, 99)[1] == ErrorCode.POLICY_VIOLATION
    assert grown(cluster(1), 5)[1] == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_new_partitions_may_be_assigned_by_hand() -> None:
    state = made(cluster(1, 2, 3), asked())
    written = (CreatePartitionsAssignment(broker_ids=(3,)),)

    after, error = grown(state, 3, written)

    assert error == ErrorCode.NONE
    assert after.partition("logs", 2).replicas == (3,)
    assert grown(state, 4, written)[1] == ErrorCode.INVALID_REPLICA_ASSIGNMENT


def test_topics_are_deleted_by_name_or_id_each_with_its_own_outcome() -> None:
    state = made(cluster(1, 2), asked("a"), asked("b"), asked("c"))
    by_id = DeleteTopicState(name=None, topic_id=state.cluster.topics["b"].topic_id.bytes)
    unknown = DeleteTopicState(name=None, topic_id=UUID(int=99).bytes)

    state, named = delete_topics(
        state, DeleteTopicsRequest(topic_names=("a", "nothing"), timeout_ms=1)
    )
    state, by_ids = delete_topics(state, DeleteTopicsRequest(topics=(by_id, unknown), timeout_ms=1))

    assert list(state.cluster.topics) == ["c"]
    assert [each.error_code for each in named.responses] == [0, 3]
    assert [each.error_code for each in by_ids.responses] == [0, 100]
    assert by_ids.responses[0].name == "b"


def test_settings_change_as_a_whole_or_not_at_all() -> None:
    state = made(cluster(1, 2), asked())

    def altered(*changes: tuple[str, str]) -> tuple[ControllerState, int]:
        resource = AlterConfigsResource(
            resource_type=2,
            resource_name="logs",
            configs=tuple(
                AlterableConfig(name=name, config_operation=0, value=value)
                for name, value in changes
            ),
        )
        request = IncrementalAlterConfigsRequest(resources=(resource,), validate_only=False)
        after, response = alter_configs(state, request, rules())
        return after, response.responses[0].error_code

    after, error = altered(("retention.ms", "5000"))
    same, refused_with = altered(("retention.ms", "6000"), ("segment.bytes", "-7"))

    assert error == 0
    assert after.cluster.topics["logs"].configs == {"retention.ms": "5000"}
    assert refused_with == ErrorCode.INVALID_CONFIG
    assert same is state
