"""In-sync sets, elections and reassignments: requests in, the next state and an answer out. Pure.

Each partition of a request has its own outcome; the rules are those of
``broker_core.replication.election``.
"""

from collections.abc import Iterable
from uuid import UUID

from broker_core.errors import (
    BrokerError,
    ElectionNotNeeded,
    EligibleLeadersNotAvailable,
    ErrorCode,
    InvalidReplicaAssignment,
    InvalidRequest,
    NoReassignmentInProgress,
    PreferredLeaderNotAvailable,
)
from broker_core.protocol.messages.alter_partition import (
    AlteredPartition,
    AlteredTopic,
    AlterPartitionRequest,
    AlterPartitionResponse,
    PartitionData,
)
from broker_core.protocol.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
    ReassignablePartitionResponse,
    ReassignableTopicResponse,
)
from broker_core.protocol.messages.elect_leaders import (
    ElectionResult,
    ElectionTopicResult,
    ElectLeadersRequest,
    ElectLeadersResponse,
)
from broker_core.protocol.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
    OngoingPartitionReassignment,
    OngoingTopicReassignment,
)
from broker_core.replication import election
from broker_core.replication.cluster_state import Partition
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.membership import check_epoch

_PREFERRED, _UNCLEAN = 0, 1


def alter_isr(
    state: ControllerState, request: AlterPartitionRequest
) -> tuple[ControllerState, AlterPartitionResponse]:
    """Give partitions the in-sync sets that their leader asks for (key 56).

    Raises:
        BrokerIdNotRegistered: The sender has never registered.
        StaleBrokerEpoch: The sender registered anew since.
    """
    check_epoch(state, request.broker_id, request.broker_epoch)
    topics = []
    for topic in request.topics:
        answers = []
        for asked in topic.partitions:
            state, answer = _altered(state, request.broker_id, UUID(bytes=topic.topic_id), asked)
            answers.append(answer)
        topics.append(AlteredTopic(topic_id=topic.topic_id, partitions=tuple(answers)))
    return state, AlterPartitionResponse(topics=tuple(topics))


def _altered(
    state: ControllerState, sender: int, topic_id: UUID, asked: PartitionData
) -> tuple[ControllerState, AlteredPartition]:
    try:
        topic = state.topic_of(topic_id)
        partition = election.altered(
            state.partition(topic.name, asked.partition_index),
            sender=sender,
            leader_epoch=asked.leader_epoch,
            partition_epoch=asked.partition_epoch,
            isr=[(each.broker_id, each.broker_epoch) for each in asked.new_isr_with_epochs],
            nodes=state.cluster.nodes,
        )
    except BrokerError as error:
        return state, AlteredPartition(partition_index=asked.partition_index, error_code=error.code)
    return state.with_partitions([partition]), AlteredPartition(
        partition_index=partition.index,
        error_code=ErrorCode.NONE,
        leader_id=partition.leader,
        leader_epoch=partition.leader_epoch,
        isr=partition.isr,
        partition_epoch=partition.partition_epoch,
    )


def elect_leaders(
    state: ControllerState, request: ElectLeadersRequest
) -> tuple[ControllerState, ElectLeadersResponse]:
    """Elect preferred leaders, or any where none is in sync (key 43).

    Partitions of a request for all of them that need no election are not mentioned.
    """
    results: dict[str, list[ElectionResult]] = {}
    for topic, index in _asked(state, request):
        code, message = ErrorCode.NONE, None
        try:
            state = state.with_partitions([_elected(state, topic, index, request.election_type)])
        except BrokerError as error:
            if isinstance(error, ElectionNotNeeded) and request.topic_partitions is None:
                continue
            code, message = error.code, str(error)
        results.setdefault(topic, []).append(
            ElectionResult(partition_id=index, error_code=code, error_message=message)
        )
    return state, ElectLeadersResponse(
        replica_election_results=tuple(
            ElectionTopicResult(topic=topic, partition_result=tuple(outcomes))
            for topic, outcomes in results.items()
        )
    )


def _asked(state: ControllerState, request: ElectLeadersRequest) -> Iterable[tuple[str, int]]:
    if request.topic_partitions is None:
        return [(each.topic, each.index) for each in state.cluster.partitions()]
    return [(each.topic, index) for each in request.topic_partitions for index in each.partitions]


def _elected(state: ControllerState, topic: str, index: int, kind: int) -> Partition:
    partition = state.partition(topic, index)
    if kind == _PREFERRED:
        if partition.leader == partition.replicas[0]:
            raise ElectionNotNeeded("the preferred replica leads")
        elected = election.preferred(partition, state.alive)
        if elected is partition:
            raise PreferredLeaderNotAvailable(f"node {partition.replicas[0]} is not in sync")
    elif kind == _UNCLEAN:
        if not partition.is_offline:
            raise ElectionNotNeeded(f"node {partition.leader} leads")
        elected = election.elected_uncleanly(partition, state.alive)
        if elected is partition:
            raise EligibleLeadersNotAvailable("no replica is alive")
    else:
        raise InvalidRequest(f"election type {kind}")
    return elected


def reassign(
    state: ControllerState, request: AlterPartitionReassignmentsRequest
) -> tuple[ControllerState, AlterPartitionReassignmentsResponse]:
    """Let other nodes hold partitions, or end that (key 45)."""
    topics = []
    for topic in request.topics:
        answers = []
        for asked in topic.partitions:
            code, message = ErrorCode.NONE, None
            try:
                moved = _reassigned(state, topic.name, asked.partition_index, asked.replicas)
                state = state.with_partitions([moved])
            except BrokerError as error:
                code, message = error.code, str(error)
            answers.append(
                ReassignablePartitionResponse(
                    partition_index=asked.partition_index, error_code=code, error_message=message
                )
            )
        topics.append(ReassignableTopicResponse(name=topic.name, partitions=tuple(answers)))
    return state, AlterPartitionReassignmentsResponse(responses=tuple(topics))


def _reassigned(
    state: ControllerState, topic: str, index: int, target: tuple[int, ...] | None
) -> Partition:
    partition = state.partition(topic, index)
    if target is None:
        if not partition.is_reassigning:
            raise NoReassignmentInProgress(f"partition {index} of {topic} is not moving")
        return election.cancelled(partition)
    unknown = [node for node in target if node not in state.cluster.nodes]
    if unknown:
        raise InvalidReplicaAssignment(f"nodes {unknown} have never registered")
    return election.reassigned(partition, target)


def list_reassignments(
    state: ControllerState, request: ListPartitionReassignmentsRequest
) -> tuple[ControllerState, ListPartitionReassignmentsResponse]:
    """Return the reassignments under way (key 46); nothing changes."""
    wanted = (
        None
        if request.topics is None
        else {(each.name, index) for each in request.topics for index in each.partition_indexes}
    )
    moving: dict[str, list[OngoingPartitionReassignment]] = {}
    for each in state.cluster.partitions():
        if each.is_reassigning and (wanted is None or (each.topic, each.index) in wanted):
            moving.setdefault(each.topic, []).append(
                OngoingPartitionReassignment(
                    partition_index=each.index,
                    replicas=each.replicas,
                    adding_replicas=each.adding,
                    removing_replicas=each.removing,
                )
            )
    return state, ListPartitionReassignmentsResponse(
        topics=tuple(
            OngoingTopicReassignment(name=name, partitions=tuple(partitions))
            for name, partitions in moving.items()
        )
    )
