"""What the coordinator knows, in the words of the protocol's responses. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence, Set

from broker_core.coordinator.consumer_group import ConsumerGroupState
from broker_core.coordinator.group import Group, GroupState
from broker_core.coordinator.member import Joined, Synced
from broker_core.coordinator.offset_records import CommittedOffset
from broker_core.coordinator.subscription import CONSUMER_PROTOCOL
from broker_core.errors import ErrorCode
from broker_core.protocol.messages.describe_groups import DescribedGroup, DescribedGroupMember
from broker_core.protocol.messages.join_group import JoinGroupResponse, JoinGroupResponseMember
from broker_core.protocol.messages.list_groups import ListedGroup
from broker_core.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)
from broker_core.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
)
from broker_core.protocol.messages.sync_group import SyncGroupResponse
from broker_core.protocol.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
)

Offsets = Mapping[tuple[str, int], CommittedOffset]

NOTHING_COMMITTED = CommittedOffset(-1, -1, "", -1)


def join_response(joined: Joined) -> JoinGroupResponse:
    """Answer JoinGroup."""
    return JoinGroupResponse(
        error_code=joined.error,
        generation_id=joined.generation,
        protocol_type=joined.protocol_type,
        protocol_name=joined.protocol or "",
        leader=joined.leader,
        skip_assignment=joined.skip_assignment,
        member_id=joined.member_id,
        members=tuple(
            JoinGroupResponseMember(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                metadata=member.metadata,
            )
            for member in joined.members
        ),
    )


def sync_response(synced: Synced) -> SyncGroupResponse:
    """Answer SyncGroup."""
    return SyncGroupResponse(
        error_code=synced.error,
        protocol_type=synced.protocol_type,
        protocol_name=synced.protocol,
        assignment=synced.assignment,
    )


def described_group(group: Group) -> DescribedGroup:
    """Show a group; what its members want and have is shown once it is stable."""
    is_stable = group.state is GroupState.STABLE
    return DescribedGroup(
        error_code=0,
        group_id=group.group_id,
        group_state=group.state,
        protocol_type=group.protocol_type,
        protocol_data=group.protocol or "",
        members=tuple(
            DescribedGroupMember(
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                client_id=member.client_id,
                client_host=member.client_host,
                member_metadata=member.protocols.get(group.protocol or "", b"")
                if is_stable
                else b"",
                member_assignment=member.assignment if is_stable else b"",
            )
            for member in group.members.values()
        ),
    )


def group_without_members(group_id: str, state: GroupState) -> DescribedGroup:
    """Show a group of which only offsets are known, or nothing at all (Dead)."""
    return DescribedGroup(
        error_code=0,
        group_id=group_id,
        group_state=state,
        protocol_type="",
        protocol_data="",
        members=(),
    )


def listed_classic(group: DescribedGroup) -> ListedGroup:
    """Show a group of the classic protocol in a list."""
    return ListedGroup(
        group_id=group.group_id,
        protocol_type=group.protocol_type,
        group_state=group.group_state,
        group_type="classic",
    )


def listed_consumers(group_id: str, state: ConsumerGroupState) -> ListedGroup:
    """Show a group of the new protocol in a list."""
    return ListedGroup(
        group_id=group_id,
        protocol_type=CONSUMER_PROTOCOL,
        group_state=state,
        group_type="consumer",
    )


def offset_fetch_response(
    request: OffsetFetchRequest,
    offsets_of: Callable[[str], Offsets],
    unsettled_of: Callable[[str], Set[tuple[str, int]]],
    refusal_of: Callable[[OffsetFetchRequestGroup], ErrorCode] = lambda _: ErrorCode.NONE,
) -> OffsetFetchResponse:
    """Answer OffsetFetch, for several groups (version 8 and later) or one.

    Args:
        unsettled_of: For which partitions of a group the answer must wait for a transaction, if
            the client asks for stable offsets (KIP-447).
        refusal_of: Why a group's offsets are not told; since version 8.
    """
    unsettled: Callable[[str], Set[tuple[str, int]]] = (
        unsettled_of if request.require_stable else lambda _: frozenset()
    )
    if request.groups:
        return OffsetFetchResponse(
            groups=tuple(
                OffsetFetchResponseGroup(group_id=group.group_id, topics=(), error_code=refusal)
                if (refusal := refusal_of(group))
                else OffsetFetchResponseGroup(
                    group_id=group.group_id,
                    topics=_topics(
                        offsets_of(group.group_id),
                        None
                        if group.topics is None
                        else [(topic.name, topic.partition_indexes) for topic in group.topics],
                        unsettled(group.group_id),
                    ),
                )
                for group in request.groups
            )
        )
    wanted = (
        None
        if request.topics is None
        else [(topic.name, topic.partition_indexes) for topic in request.topics]
    )
    return OffsetFetchResponse(
        topics=tuple(
            OffsetFetchResponseTopic(
                name=topic.name,
                partitions=tuple(
                    OffsetFetchResponsePartition(
                        partition_index=partition.partition_index,
                        committed_offset=partition.committed_offset,
                        committed_leader_epoch=partition.committed_leader_epoch,
                        metadata=partition.metadata,
                        error_code=partition.error_code,
                    )
                    for partition in topic.partitions
                ),
            )
            for topic in _topics(offsets_of(request.group_id), wanted, unsettled(request.group_id))
        )
    )


def txn_offset_commit_response(
    request: TxnOffsetCommitRequest, error_of: Callable[[tuple[str, int]], int]
) -> TxnOffsetCommitResponse:
    """Answer TxnOffsetCommit, each partition with its own outcome."""
    return TxnOffsetCommitResponse(
        topics=tuple(
            TxnOffsetCommitResponseTopic(
                name=topic.name,
                partitions=tuple(
                    TxnOffsetCommitResponsePartition(
                        partition_index=partition.partition_index,
                        error_code=error_of((topic.name, partition.partition_index)),
                    )
                    for partition in topic.partitions
                ),
            )
            for topic in request.topics
        )
    )


def offsets_deleted(request: OffsetDeleteRequest, in_use: Collection[str]) -> OffsetDeleteResponse:
    """That offsets are forgotten, but those of topics ``in_use``."""
    topics = []
    for topic in request.topics:
        refused = topic.name in in_use
        error = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC if refused else ErrorCode.NONE
        partitions = tuple(
            OffsetDeleteResponsePartition(partition_index=one.partition_index, error_code=error)
            for one in topic.partitions
        )
        topics.append(OffsetDeleteResponseTopic(name=topic.name, partitions=partitions))
    return OffsetDeleteResponse(error_code=ErrorCode.NONE, topics=tuple(topics))


def _topics(
    offsets: Offsets,
    wanted: Sequence[tuple[str, Sequence[int]]] | None,
    unsettled: Set[tuple[str, int]],
) -> tuple[OffsetFetchResponseTopics, ...]:
    if wanted is None:
        names = sorted({topic for topic, _ in offsets})
        wanted = [(name, sorted(p for topic, p in offsets if topic == name)) for name in names]
    return tuple(
        OffsetFetchResponseTopics(
            name=name,
            partitions=tuple(
                _unstable(partition)
                if (name, partition) in unsettled
                else _partition(partition, offsets.get((name, partition), NOTHING_COMMITTED))
                for partition in partitions
            ),
        )
        for name, partitions in wanted
    )


def _unstable(partition: int) -> OffsetFetchResponsePartitions:
    return OffsetFetchResponsePartitions(
        partition_index=partition,
        committed_offset=-1,
        metadata="",
        error_code=ErrorCode.UNSTABLE_OFFSET_COMMIT,
    )


def _partition(partition: int, committed: CommittedOffset) -> OffsetFetchResponsePartitions:
    return OffsetFetchResponsePartitions(
        partition_index=partition,
        committed_offset=committed.offset,
        committed_leader_epoch=committed.leader_epoch,
        metadata=committed.metadata,
        error_code=0,
    )
