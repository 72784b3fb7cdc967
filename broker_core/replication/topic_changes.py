"""Topics are made, grown, changed and deleted: requests in, the next state and an answer out. Pure.

Each topic of a request has its own outcome. Names that begin with two underscores are let through:
the nodes themselves ask for those topics, and refuse them to their clients.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from broker_core.errors import (
    BrokerError,
    ErrorCode,
    InvalidPartitions,
    InvalidReplicaAssignment,
    InvalidReplicationFactor,
    InvalidRequest,
    PolicyViolation,
    TopicAlreadyExists,
    UnknownTopicOrPartition,
)
from broker_core.log.file_layout import check_topic_name
from broker_core.log.topic_config import changed_config, read_log_config
from broker_core.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)
from broker_core.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from broker_core.protocol.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from broker_core.protocol.messages.incremental_alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from broker_core.protocol.primitives import NO_UUID
from broker_core.replication.cluster_state import Partition, Topic
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.placement import placed
from broker_core.settings import ControllerSettings

_TOPIC = 2  # a resource type


@dataclass(frozen=True, slots=True)
class TopicRules:
    """What the answers depend on besides the state.

    Attributes:
        new_id: Makes the id of a new topic; different every time.
    """

    settings: ControllerSettings
    new_id: Callable[[], UUID]


def create_topics(
    state: ControllerState, request: CreateTopicsRequest, rules: TopicRules
) -> tuple[ControllerState, CreateTopicsResponse]:
    """Make topics (key 19), unless the request only asks whether it could be done."""
    results = []
    made = state
    for topic in request.topics:
        try:
            new = _new_topic(made, topic, rules)
        except BrokerError as error:
            results.append(
                CreatableTopicResult(
                    name=topic.name, error_code=error.code, error_message=str(error), configs=None
                )
            )
            continue
        made = made.with_topics({new.name: new})
        results.append(
            CreatableTopicResult(
                name=new.name,
                topic_id=NO_UUID if request.validate_only else new.topic_id.bytes,
                error_code=ErrorCode.NONE,
                error_message=None,
                num_partitions=len(new.partitions),
                replication_factor=len(new.partitions[0].replicas),
                configs=None,
            )
        )
    response = CreateTopicsResponse(topics=tuple(results))
    return (state if request.validate_only else made), response


def create_partitions(
    state: ControllerState, request: CreatePartitionsRequest, rules: TopicRules
) -> tuple[ControllerState, CreatePartitionsResponse]:
    """Let topics have more partitions (key 37)."""
    results = []
    grown = state
    for topic in request.topics:
        code, message = ErrorCode.NONE, None
        try:
            more = _grown(grown, topic, rules)
            grown = grown.with_topics({topic.name: more})
        except BrokerError as error:
            code, message = error.code, str(error)
        results.append(
            CreatePartitionsTopicResult(name=topic.name, error_code=code, error_message=message)
        )
    response = CreatePartitionsResponse(results=tuple(results))
    return (state if request.validate_only else grown), response


def delete_topics(
    state: ControllerState, request: DeleteTopicsRequest
) -> tuple[ControllerState, DeleteTopicsResponse]:
    """Let topics be no more (key 20); nodes remove the records once they hear of it."""
    asked = request.topics or tuple(
        DeleteTopicState(name=name, topic_id=NO_UUID) for name in request.topic_names
    )
    results = []
    for each in asked:
        try:
            name = _named(state, each)
        except BrokerError as error:
            results.append(
                DeletableTopicResult(
                    name=each.name,
                    topic_id=each.topic_id,
                    error_code=error.code,
                    error_message=str(error),
                )
            )
            continue
        state = state.with_topics({}, deleted=[name])
        results.append(
            DeletableTopicResult(name=name, topic_id=each.topic_id, error_code=ErrorCode.NONE)
        )
    return state, DeleteTopicsResponse(responses=tuple(results))


def alter_configs(
    state: ControllerState, request: IncrementalAlterConfigsRequest, rules: TopicRules
) -> tuple[ControllerState, IncrementalAlterConfigsResponse]:
    """Change settings of topics (key 44)."""
    results = []
    altered = state
    for resource in request.resources:
        code, message = ErrorCode.NONE, None
        try:
            topic = _reconfigured(altered, resource, rules)
            altered = altered.with_topics({topic.name: topic})
        except BrokerError as error:
            code, message = error.code, str(error)
        results.append(
            AlterConfigsResourceResponse(
                error_code=code,
                error_message=message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
        )
    response = IncrementalAlterConfigsResponse(responses=tuple(results))
    return (state if request.validate_only else altered), response


def _topic(state: ControllerState, name: str) -> Topic:
    topic = state.cluster.topics.get(name)
    if topic is None:
        raise UnknownTopicOrPartition(f"no topic is named {name!r}")
    return topic


def _named(state: ControllerState, asked: DeleteTopicState) -> str:
    if asked.name is not None:
        return _topic(state, asked.name).name
    return state.topic_of(UUID(bytes=asked.topic_id)).name


def _reconfigured(
    state: ControllerState, resource: AlterConfigsResource, rules: TopicRules
) -> Topic:
    if resource.resource_type != _TOPIC:
        raise InvalidRequest("only settings of topics can be changed")
    topic = _topic(state, resource.resource_name)
    configs = changed_config(topic.configs, resource.configs, rules.settings.log)
    return replace(topic, configs=configs)


def _new_topic(state: ControllerState, asked: CreatableTopic, rules: TopicRules) -> Topic:
    check_topic_name(asked.name)
    if asked.name in state.cluster.topics:
        raise TopicAlreadyExists(f"topic {asked.name} exists")
    configs = {each.name: each.value for each in asked.configs if each.value is not None}
    read_log_config(configs, rules.settings.log)
    topic = Topic(name=asked.name, topic_id=rules.new_id(), configs=configs, partitions=())
    return _with_more(state, topic, _assignment(state, asked, rules), rules)


def _assignment(
    state: ControllerState, asked: CreatableTopic, rules: TopicRules
) -> list[tuple[int, ...]]:
    """Return the replicas of every partition of a new topic."""
    if asked.assignments:
        if asked.num_partitions != -1 or asked.replication_factor != -1:
            raise InvalidRequest("either numbers or an assignment, not both")
        by_index = {each.partition_index: each.broker_ids for each in asked.assignments}
        if sorted(by_index) != list(range(len(asked.assignments))):
            raise InvalidReplicaAssignment("partitions are counted from 0, without gaps")
        return [_checked(state, by_index[index]) for index in sorted(by_index)]
    partitions, copies = asked.num_partitions, asked.replication_factor
    if partitions == -1:
        partitions = rules.settings.default_partitions
    if copies == -1:
        copies = rules.settings.default_replication
    if partitions < 1:
        raise InvalidPartitions(f"{partitions} partitions; at least 1 is needed")
    return _placed(state, partitions, copies, rules)


def _placed(
    state: ControllerState, partitions: int, copies: int, rules: TopicRules
) -> list[tuple[int, ...]]:
    """Spread new partitions over nodes that are alive, or over all where those are too few."""
    nodes = state.alive if copies <= len(state.alive) else set(state.cluster.nodes)
    if not 1 <= copies <= len(nodes) or not state.alive:
        raise InvalidReplicationFactor(f"{copies} copies, {len(nodes)} nodes")
    _check_room(state, partitions, rules)
    existing = state.cluster.partitions()
    return placed(partitions, copies, nodes=sorted(nodes), existing=existing)


def _check_room(state: ControllerState, partitions: int, rules: TopicRules) -> None:
    there = sum(len(topic.partitions) for topic in state.cluster.topics.values())
    if there + partitions > rules.settings.max_partitions:
        raise PolicyViolation(f"{there} partitions exist, {rules.settings.max_partitions} may")


def _checked(state: ControllerState, replicas: Sequence[int]) -> tuple[int, ...]:
    """Accept an assignment that somebody wrote."""
    unknown = [node for node in replicas if node not in state.cluster.nodes]
    if unknown or not replicas or len(set(replicas)) < len(replicas):
        raise InvalidReplicaAssignment(f"{replicas} is not a list of different, known nodes")
    if not set(replicas) & state.alive:
        raise InvalidReplicaAssignment(f"none of {replicas} is alive")
    return tuple(replicas)


def _grown(state: ControllerState, asked: CreatePartitionsTopic, rules: TopicRules) -> Topic:
    topic = _topic(state, asked.name)
    there = len(topic.partitions)
    if asked.count <= there:
        raise InvalidPartitions(f"{asked.name} has {there} partitions already")
    if asked.assignments is None:
        copies = len(topic.partitions[0].replicas) - len(topic.partitions[0].adding)
        assignment = _placed(state, asked.count - there, copies, rules)
    elif len(asked.assignments) != asked.count - there:
        raise InvalidReplicaAssignment(f"{asked.count - there} partitions are new")
    else:
        assignment = [_checked(state, each.broker_ids) for each in asked.assignments]
    return _with_more(state, topic, assignment, rules)


def _with_more(
    state: ControllerState,
    topic: Topic,
    assignment: Sequence[tuple[int, ...]],
    rules: TopicRules,
) -> Topic:
    _check_room(state, len(assignment), rules)
    there = len(topic.partitions)
    new = tuple(
        _first(topic, there + place, replicas, state.alive)
        for place, replicas in enumerate(assignment)
    )
    return replace(topic, partitions=topic.partitions + new)


def _first(topic: Topic, index: int, replicas: tuple[int, ...], alive: frozenset[int]) -> Partition:
    """A partition without records: every live replica is in sync."""
    isr = tuple(node for node in replicas if node in alive)
    return Partition(
        topic=topic.name,
        topic_id=topic.topic_id,
        index=index,
        replicas=replicas,
        isr=isr,
        leader=isr[0],
        leader_epoch=0,
        partition_epoch=0,
    )
