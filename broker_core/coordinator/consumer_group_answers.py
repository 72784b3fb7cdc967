"""Consumer groups (KIP-848) in the words of the protocol: requests read, responses made. Pure."""

from collections.abc import Iterable, Mapping

from broker_core.coordinator.assignors import ASSIGNORS
from broker_core.coordinator.consumer_group import NOBODY, Beaten, ConsumerGroup
from broker_core.coordinator.consumer_member import (
    JOIN_EPOCH,
    STATIC_LEAVE_EPOCH,
    Beat,
    ConsumerMember,
)
from broker_core.coordinator.member_errors import UnsupportedAssignor
from broker_core.coordinator.topic_partitions import TopicPartition, Topics, by_topic
from broker_core.errors import BrokerError, InvalidRequest
from broker_core.protocol.messages.consumer_group_describe import (
    DescribedAssignment,
    DescribedConsumerGroup,
    DescribedConsumerGroupMember,
    DescribedTopicPartitions,
)
from broker_core.protocol.messages.consumer_group_heartbeat import (
    AssignedTopicPartitions,
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    HeartbeatAssignment,
)

MAX_NAME_BYTES = 1024
MAX_SUBSCRIPTION_BYTES = 512 << 10
_CONSUMER_MEMBER = 1  # a member that uses the new protocol, not the classic one


def check_heartbeat(request: ConsumerGroupHeartbeatRequest) -> None:
    """Return if the request says what its epoch asks for, and no more than can be kept.

    Raises:
        InvalidRequest: It does not.
        UnsupportedAssignor: It wants an assignor that is not here.
    """
    for name in (request.group_id, request.member_id, request.instance_id, request.rack_id):
        if name is not None and not 1 <= len(name.encode()) <= MAX_NAME_BYTES:
            raise InvalidRequest(
                f"ids of groups, members and racks have 1 to {MAX_NAME_BYTES} bytes"
            )
    if request.member_epoch < STATIC_LEAVE_EPOCH:
        raise InvalidRequest(f"no member epoch is {request.member_epoch}")
    if request.member_epoch == STATIC_LEAVE_EPOCH and request.instance_id is None:
        raise InvalidRequest("a member epoch of -2 is for static members")
    if request.member_epoch == JOIN_EPOCH:
        if request.rebalance_timeout_ms < 0:
            raise InvalidRequest("whoever joins says its rebalance timeout")
        if request.subscribed_topic_names is None and request.subscribed_topic_regex is None:
            raise InvalidRequest("whoever joins says what it subscribes to")
        if request.topic_partitions is None or request.topic_partitions:
            raise InvalidRequest("whoever joins owns no partitions, and says so")
    names = request.subscribed_topic_names or ()
    if sum(len(name.encode()) for name in names) > MAX_SUBSCRIPTION_BYTES:
        raise InvalidRequest(f"a subscription has at most {MAX_SUBSCRIPTION_BYTES} bytes")
    if request.server_assignor is not None and request.server_assignor not in ASSIGNORS:
        raise UnsupportedAssignor(f"{request.server_assignor!r}; there are {', '.join(ASSIGNORS)}")


def beat_of(request: ConsumerGroupHeartbeatRequest, *, client_id: str, client_host: str) -> Beat:
    """What a member says."""
    names, owned = request.subscribed_topic_names, request.topic_partitions
    return Beat(
        member_id=request.member_id,
        epoch=request.member_epoch,
        instance_id=request.instance_id,
        rack_id=request.rack_id,
        client_id=client_id,
        client_host=client_host,
        rebalance_ms=None if request.rebalance_timeout_ms < 0 else request.rebalance_timeout_ms,
        topic_names=None if names is None else frozenset(names),
        topic_regex=request.subscribed_topic_regex,
        assignor=request.server_assignor,
        owned=None
        if owned is None
        else frozenset(
            TopicPartition(topic.topic_id, number) for topic in owned for number in topic.partitions
        ),
    )


def heartbeat_response(beaten: Beaten, interval_ms: int) -> ConsumerGroupHeartbeatResponse:
    """Answer a heartbeat."""
    assignment = None
    if beaten.assigned is not None:
        assignment = HeartbeatAssignment(
            topic_partitions=tuple(
                AssignedTopicPartitions(topic_id=topic_id, partitions=tuple(numbers))
                for topic_id, numbers in by_topic(beaten.assigned).items()
            )
        )
    return ConsumerGroupHeartbeatResponse(
        error_code=0,
        member_id=beaten.member_id,
        member_epoch=beaten.epoch,
        heartbeat_interval_ms=interval_ms,
        assignment=assignment,
    )


def heartbeat_refused(error: BrokerError) -> ConsumerGroupHeartbeatResponse:
    """Answer a heartbeat with an error."""
    return ConsumerGroupHeartbeatResponse(error_code=error.code, error_message=str(error))


def described_group(group: ConsumerGroup, topics: Topics) -> DescribedConsumerGroup:
    """Show a group; partitions of topics that are gone are not shown."""
    names = {topic.topic_id: name for name, topic in topics.items()}
    return DescribedConsumerGroup(
        error_code=0,
        group_id=group.group_id,
        group_state=group.state,
        group_epoch=group.epoch,
        assignment_epoch=group.assignment_epoch,
        assignor_name=group.assignor,
        members=tuple(_described(member, group, names) for member in group.members.values()),
    )


def group_refused(group_id: str, code: int, text: str | None = None) -> DescribedConsumerGroup:
    """Say why a group is not shown."""
    return DescribedConsumerGroup(
        error_code=code,
        error_message=text,
        group_id=group_id,
        group_state="",
        group_epoch=0,
        assignment_epoch=0,
        assignor_name="",
        members=(),
    )


def _described(
    member: ConsumerMember, group: ConsumerGroup, names: Mapping[bytes, str]
) -> DescribedConsumerGroupMember:
    return DescribedConsumerGroupMember(
        member_id=member.member_id,
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        member_epoch=member.epoch,
        client_id=member.client_id,
        client_host=member.client_host,
        subscribed_topic_names=tuple(sorted(member.topic_names)),
        subscribed_topic_regex=member.topic_regex or None,
        assignment=_assignment(member.assigned, names),
        target_assignment=_assignment(group.targets.get(member.member_id, NOBODY), names),
        member_type=_CONSUMER_MEMBER,
    )


def _assignment(
    partitions: Iterable[TopicPartition], names: Mapping[bytes, str]
) -> DescribedAssignment:
    return DescribedAssignment(
        topic_partitions=tuple(
            DescribedTopicPartitions(
                topic_id=topic_id, topic_name=names[topic_id], partitions=tuple(numbers)
            )
            for topic_id, numbers in by_topic(partitions).items()
            if topic_id in names
        )
    )
