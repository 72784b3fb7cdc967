"""The groups this broker coordinates, and their session timers.

The front of :mod:`broker_core.coordinator.group` and :mod:`broker_core.coordinator.offsets` for
handlers: requests in, responses out, waiting where the group makes them wait. Authorization is the
handlers' matter. For the event loop.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import uuid4

import structlog

from broker_core.clock import Clock
from broker_core.coordinator import group_answers
from broker_core.coordinator.consumer_group_registry import ConsumerGroupRegistry
from broker_core.coordinator.group import Group, GroupState
from broker_core.coordinator.group_changes import GroupChanges
from broker_core.coordinator.member import Joined, Joining, Reply, Synced
from broker_core.coordinator.offset_records import CommittedOffset
from broker_core.coordinator.offsets import OffsetStore, TopicPartition
from broker_core.coordinator.subscription import CONSUMER_PROTOCOL, subscribed_topics
from broker_core.coordinator.transaction import ProducerIdentity
from broker_core.errors import (
    BrokerError,
    CoordinatorNotAvailable,
    ErrorCode,
    GroupIdNotFound,
    GroupMaxSizeReached,
    InvalidProducerEpoch,
)
from broker_core.log.disk_budget import Progress
from broker_core.log.file_layout import CONSUMER_OFFSETS
from broker_core.log.log_directory import LogDirectory
from broker_core.protocol.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)
from broker_core.protocol.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)
from broker_core.protocol.messages.describe_groups import (
    DescribedGroup,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)
from broker_core.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from broker_core.protocol.messages.join_group import JoinGroupRequest, JoinGroupResponse
from broker_core.protocol.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    MemberIdentity,
    MemberResponse,
)
from broker_core.protocol.messages.list_groups import (
    ListedGroup,
    ListGroupsRequest,
    ListGroupsResponse,
)
from broker_core.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from broker_core.protocol.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteResponse
from broker_core.protocol.messages.offset_fetch import OffsetFetchRequest, OffsetFetchResponse
from broker_core.protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse
from broker_core.protocol.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
)
from broker_core.replication.cluster_state import Topic
from broker_core.replication.replica import Replica
from broker_core.settings import GroupSettings

log = structlog.get_logger()

MAX_GROUP_ID_BYTES = 1024
_KNOWS_MEMBER_ID_REQUIRED = 4  # JoinGroup version of KIP-394
_KNOWS_SKIP_ASSIGNMENT = 9  # JoinGroup version of KIP-814


class GroupRegistry:
    """Every group with members or offsets.

    Args:
        logs: To know which partitions exist.
        exists: To know that of a cluster; None: what exists is in ``logs``.
        topics: The topics there are, for groups of the new protocol.

    Attributes:
        consumers: The groups of the new protocol (KIP-848); the others are kept here.
    """

    def __init__(
        self,
        offsets: OffsetStore,
        logs: LogDirectory,
        settings: GroupSettings,
        clock: Clock,
        *,
        exists: Callable[[str, int], bool] | None = None,
        topics: Callable[[], Mapping[str, Topic]] = dict,
    ) -> None:
        self._offsets = offsets
        self._exists = exists or (lambda topic, number: logs.get(topic, number) is not None)
        self._settings = settings
        self._clock = clock
        self._groups: dict[str, Group] = {}
        self._changes = GroupChanges()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._closed = False
        self.consumers = ConsumerGroupRegistry(offsets, settings, topics)

    def refusal(self, group_id: str) -> ErrorCode:
        """Why this node does not answer for a group; NONE if it does."""
        return self._offsets.refusal(group_id)

    async def load(self, replica: Replica) -> None:
        """Read the partition of groups that this node coordinates from now on.

        Raises:
            BrokerError: It cannot be read.
        """
        await self._offsets.load(replica)
        await self.consumers.begin(replica.log.partition)

    def unload(self, shard: int) -> None:
        """Let go of the groups of a partition that another node leads now."""
        self.consumers.unload(shard)
        for group in [each for each in self._groups.values() if self._is_in(each, shard)]:
            self._answer_all(group.dismiss(ErrorCode.NOT_COORDINATOR))
            self._drop(group)
        self._offsets.unload(shard)

    # -- membership

    async def join(
        self, request: JoinGroupRequest, *, version: int, client_id: str, client_host: str
    ) -> JoinGroupResponse:
        """Answer JoinGroup once the rebalance lets it be answered."""
        error = (
            self._join_error(request)
            or await self.consumers.give_up(request.group_id)
            or self._join_error(request)  # others may have joined meanwhile
        )
        if error is not ErrorCode.NONE:
            return group_answers.join_response(Joined(error=error, member_id=request.member_id))
        group = self._groups.get(request.group_id)
        if group is None:
            group = self._groups[request.group_id] = Group(
                request.group_id,
                initial_delay_ms=_ms(self._settings.initial_rebalance_delay),
                max_members=self._settings.max_members,
            )
        joining = Joining(
            member_id=request.member_id,
            instance_id=request.group_instance_id,
            protocol_type=request.protocol_type,
            protocols={one.name: bytes(one.metadata) for one in request.protocols},
            session_ms=request.session_timeout_ms,
            rebalance_ms=request.rebalance_timeout_ms
            if request.rebalance_timeout_ms > 0
            else request.session_timeout_ms,
            new_member_id=f"{request.group_instance_id or client_id}-{uuid4()}",
            client_id=client_id,
            client_host=client_host,
            must_know_id=version >= _KNOWS_MEMBER_ID_REQUIRED,
            skips_assignment=version >= _KNOWS_SKIP_ASSIGNMENT,
        )
        ticket: asyncio.Future[Joined | Synced] = asyncio.get_running_loop().create_future()
        self._deliver(group, group.join(joining, ticket, self._now_ms()))
        answer = await ticket
        assert isinstance(answer, Joined)
        return group_answers.join_response(answer)

    async def sync(self, request: SyncGroupRequest) -> SyncGroupResponse:
        """Answer SyncGroup once the leader has assigned."""
        group = self._groups.get(request.group_id)
        if group is None:
            return group_answers.sync_response(Synced(error=self._unknown_group_error()))
        ticket: asyncio.Future[Joined | Synced] = asyncio.get_running_loop().create_future()
        replies = group.sync(
            member_id=request.member_id,
            instance_id=request.group_instance_id,
            generation=request.generation_id,
            protocol_type=request.protocol_type,
            protocol=request.protocol_name,
            assignments={one.member_id: bytes(one.assignment) for one in request.assignments},
            ticket=ticket,
            now_ms=self._now_ms(),
        )
        self._deliver(group, replies)
        answer = await ticket
        assert isinstance(answer, Synced)
        return group_answers.sync_response(answer)

    async def heartbeat(self, request: HeartbeatRequest) -> HeartbeatResponse:
        """Answer Heartbeat."""
        group = self._groups.get(request.group_id)
        if group is None:
            return HeartbeatResponse(error_code=self._unknown_group_error())
        error = group.heartbeat(
            member_id=request.member_id,
            instance_id=request.group_instance_id,
            generation=request.generation_id,
            now_ms=self._now_ms(),
        )
        return HeartbeatResponse(error_code=error)

    async def leave(self, request: LeaveGroupRequest) -> LeaveGroupResponse:
        """Answer LeaveGroup, of one member (up to version 2) or several."""
        leaving = request.members or (
            MemberIdentity(member_id=request.member_id, group_instance_id=None),
        )
        group = self._groups.get(request.group_id)
        results = []
        for member in leaving:
            error = self._unknown_group_error()
            if group is not None:
                error, replies = group.leave(
                    member_id=member.member_id,
                    instance_id=member.group_instance_id,
                    now_ms=self._now_ms(),
                )
                self._deliver(group, replies)
            results.append(
                MemberResponse(
                    member_id=member.member_id,
                    group_instance_id=member.group_instance_id,
                    error_code=error,
                )
            )
        single = results[0].error_code if not request.members else 0
        return LeaveGroupResponse(error_code=single, members=tuple(results))

    async def consumer_heartbeat(
        self,
        request: ConsumerGroupHeartbeatRequest,
        *,
        client_id: str,
        client_host: str,
        may_see: Callable[[str], bool],
    ) -> ConsumerGroupHeartbeatResponse:
        """Answer ConsumerGroupHeartbeat once what it changed is on disk.

        Raises:
            BrokerError: Why it is refused.
        """
        if self._closed:
            raise CoordinatorNotAvailable("it stops")
        group = self._groups.get(request.group_id)
        if group is not None and group.members:
            raise GroupIdNotFound(f"{request.group_id!r} has members of the classic protocol")
        if self.consumers.get(request.group_id) is None and self._is_one_too_many(request.group_id):
            raise GroupMaxSizeReached(f"{self._settings.max_groups} groups are the most")
        answer = await self.consumers.heartbeat(
            request, client_id=client_id, client_host=client_host, may_see=may_see
        )
        if group is not None and not group.members:
            self._drop(group)
        return answer

    # -- offsets

    async def commit_offsets(self, request: OffsetCommitRequest) -> OffsetCommitResponse:
        """Answer OffsetCommit once the offsets are on disk."""
        errors, accepted = self._judged(request, self._commit_error(request))
        try:
            await self._offsets.commit(request.group_id, accepted)
        except BrokerError as failure:
            log.warning("offset_commit_failed", group=request.group_id, error=str(failure))
            errors.update(dict.fromkeys(accepted, ErrorCode.COORDINATOR_NOT_AVAILABLE))
        return OffsetCommitResponse(
            topics=tuple(
                OffsetCommitResponseTopic(
                    name=topic.name,
                    partitions=tuple(
                        OffsetCommitResponsePartition(
                            partition_index=partition.partition_index,
                            error_code=errors[topic.name, partition.partition_index],
                        )
                        for partition in topic.partitions
                    ),
                )
                for topic in request.topics
            )
        )

    async def fetch_offsets(self, request: OffsetFetchRequest) -> OffsetFetchResponse:
        """Answer OffsetFetch; a partition without an offset has -1."""
        return group_answers.offset_fetch_response(
            request,
            self._offsets.of,
            self._offsets.unsettled,
            refusal_of=self.consumers.fetch_error,
        )

    async def commit_offsets_in_transaction(
        self, request: TxnOffsetCommitRequest
    ) -> TxnOffsetCommitResponse:
        """Answer TxnOffsetCommit once the offsets are on disk; they count with the transaction."""
        errors, accepted = self._judged(request, self._transactional_error(request))
        producer = ProducerIdentity(request.producer_id, request.producer_epoch)
        try:
            await self._offsets.commit_in_transaction(request.group_id, producer, accepted)
        except InvalidProducerEpoch as failure:
            errors.update(dict.fromkeys(accepted, failure.code))
        except BrokerError as failure:
            log.warning("offset_commit_failed", group=request.group_id, error=str(failure))
            errors.update(dict.fromkeys(accepted, ErrorCode.COORDINATOR_NOT_AVAILABLE))
        return group_answers.txn_offset_commit_response(request, errors.__getitem__)

    def offsets_partition(self, group: str) -> TopicPartition:
        """The partition that remembers a group; a transaction that commits its offsets has it."""
        return CONSUMER_OFFSETS, self._offsets.shard_of(group)

    async def forget_topic(self, topic: str) -> None:
        """Forget what every group has committed for a topic that was deleted.

        Raises:
            StorageError: It is not known to be on disk.
        """
        for group in self._offsets.groups:
            gone = [key for key in self._offsets.of(group) if key[0] == topic]
            await self._offsets.forget(group, gone)

    # -- administration

    async def list_groups(self, request: ListGroupsRequest) -> ListGroupsResponse:
        """Answer ListGroups; a group of which only offsets are known is Empty."""
        states = {state.lower() for state in request.states_filter}
        types = {group_type.lower() for group_type in request.types_filter}
        listed = tuple(
            group
            for group in map(self._listed, self._known())
            if (not states or group.group_state.lower() in states)
            and (not types or group.group_type in types)
        )
        return ListGroupsResponse(error_code=0, groups=listed)

    async def describe_groups(self, request: DescribeGroupsRequest) -> DescribeGroupsResponse:
        """Answer DescribeGroups; a group nobody knows is Dead."""
        return DescribeGroupsResponse(groups=tuple(map(self._describe, request.groups)))

    async def delete_groups(self, request: DeleteGroupsRequest) -> DeleteGroupsResponse:
        """Answer DeleteGroups: forget groups without members, and their offsets."""
        results = [
            DeletableGroupResult(group_id=group_id, error_code=await self._delete(group_id))
            for group_id in request.groups_names
        ]
        return DeleteGroupsResponse(throttle_time_ms=0, results=tuple(results))

    async def delete_offsets(self, request: OffsetDeleteRequest) -> OffsetDeleteResponse:
        """Answer OffsetDelete: forget offsets, but none of a topic that a member reads."""
        group, known = self._groups.get(request.group_id), self._offsets.of(request.group_id)
        consumers = self.consumers.get(request.group_id)
        if group is None and consumers is None and not known:
            return OffsetDeleteResponse(error_code=ErrorCode.GROUP_ID_NOT_FOUND)
        in_use = frozenset() if consumers is None else consumers.topic_names
        if group is not None and group.members:
            if group.protocol_type != CONSUMER_PROTOCOL:
                return OffsetDeleteResponse(error_code=ErrorCode.NON_EMPTY_GROUP)
            told = [text for one in group.members.values() for text in one.protocols.values()]
            in_use = in_use.union(*map(subscribed_topics, told))
        gone = [
            (topic.name, partition.partition_index)
            for topic in request.topics
            for partition in topic.partitions
            if topic.name not in in_use
        ]
        try:
            await self._offsets.forget(request.group_id, gone)
        except BrokerError:
            return OffsetDeleteResponse(error_code=ErrorCode.COORDINATOR_NOT_AVAILABLE)
        return group_answers.offsets_deleted(request, in_use)

    @property
    def names(self) -> Sequence[str]:
        """Every group with members or offsets."""
        return self._known()

    def progress(self, group_id: str) -> Progress:
        """How far a group has come, and which topics its members read."""
        group, consumers = self._groups.get(group_id), self.consumers.get(group_id)
        topics = frozenset() if consumers is None else consumers.topic_names
        if group is not None and group.protocol_type == CONSUMER_PROTOCOL:
            told = [text for one in group.members.values() for text in one.protocols.values()]
            topics = topics.union(*map(subscribed_topics, told))
        committed = self._offsets.of(group_id)
        return Progress(
            committed={where: known.offset for where, known in committed.items()}, topics=topics
        )

    def close(self) -> None:
        """Send everybody who waits away, and stop the timers."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self.consumers.close()
        for group in self._groups.values():
            self._answer_all(group.dismiss(ErrorCode.COORDINATOR_NOT_AVAILABLE))

    # -- inside

    def _now_ms(self) -> int:
        """A clock that never jumps: sessions must not end because somebody set the time."""
        return int(asyncio.get_running_loop().time() * 1000)

    def _is_in(self, group: Group, shard: int) -> bool:
        return self._offsets.shard_of(group.group_id) == shard

    def _known(self) -> Sequence[str]:
        known = (*self._groups, *self.consumers.names, *self._offsets.groups)
        return list(dict.fromkeys(known))

    def _is_one_too_many(self, group_id: str) -> bool:
        known = self._known()
        return group_id not in known and len(known) >= self._settings.max_groups

    def _listed(self, group_id: str) -> ListedGroup:
        consumers = self.consumers.get(group_id)
        if consumers is not None:
            return group_answers.listed_consumers(group_id, consumers.state)
        return group_answers.listed_classic(self._describe(group_id))

    def _describe(self, group_id: str) -> DescribedGroup:
        """As DescribeGroups shows it, which knows groups of the classic protocol alone."""
        group = self._groups.get(group_id)
        if group is not None:
            return group_answers.described_group(group)
        if self.consumers.get(group_id) is not None:
            return group_answers.group_without_members(group_id, GroupState.DEAD)
        state = GroupState.EMPTY if self._offsets.of(group_id) else GroupState.DEAD
        return group_answers.group_without_members(group_id, state)

    async def _delete(self, group_id: str) -> ErrorCode:
        group, consumers = self._groups.get(group_id), self.consumers.get(group_id)
        if (group is not None and group.members) or (consumers is not None and consumers.members):
            return ErrorCode.NON_EMPTY_GROUP
        if group is None and consumers is None and not self._offsets.of(group_id):
            return ErrorCode.GROUP_ID_NOT_FOUND
        if group is not None:
            group.die()
            self._drop(group)
        try:
            await self.consumers.delete(group_id)
            await self._offsets.forget(group_id, list(self._offsets.of(group_id)))
        except BrokerError:
            return ErrorCode.COORDINATOR_NOT_AVAILABLE
        log.info("group_deleted", group=group_id)
        return ErrorCode.NONE

    def _join_error(self, request: JoinGroupRequest) -> ErrorCode:
        if self._closed:
            return ErrorCode.COORDINATOR_NOT_AVAILABLE
        if not 1 <= len(request.group_id.encode()) <= MAX_GROUP_ID_BYTES:
            return ErrorCode.INVALID_GROUP_ID
        shortest = _ms(self._settings.min_session_timeout)
        if not shortest <= request.session_timeout_ms <= _ms(self._settings.max_session_timeout):
            return ErrorCode.INVALID_SESSION_TIMEOUT
        consumers = self.consumers.get(request.group_id)
        if consumers is not None and consumers.members:
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        if request.group_id not in self._groups:
            if request.member_id:
                return ErrorCode.UNKNOWN_MEMBER_ID
            if len(self._known()) >= self._settings.max_groups:
                log.warning("group_refused", reason="max_groups")
                return ErrorCode.GROUP_MAX_SIZE_REACHED
        return ErrorCode.NONE

    def _unknown_group_error(self) -> ErrorCode:
        return ErrorCode.COORDINATOR_NOT_AVAILABLE if self._closed else ErrorCode.UNKNOWN_MEMBER_ID

    def _commit_error(self, request: OffsetCommitRequest) -> ErrorCode:
        if self._closed:
            return ErrorCode.COORDINATOR_NOT_AVAILABLE
        if not 1 <= len(request.group_id.encode()) <= MAX_GROUP_ID_BYTES:
            return ErrorCode.INVALID_GROUP_ID
        if self.consumers.get(request.group_id) is not None:
            return self.consumers.commit_error(
                request.group_id, request.member_id, request.generation_id_or_member_epoch
            )
        group = self._groups.get(request.group_id)
        if group is not None:
            return group.check_commit(
                member_id=request.member_id,
                instance_id=request.group_instance_id,
                generation=request.generation_id_or_member_epoch,
                now_ms=self._now_ms(),
            )
        if request.generation_id_or_member_epoch >= 0:
            return ErrorCode.ILLEGAL_GENERATION  # a member from before a restart: it joins anew
        is_new = not self._offsets.of(request.group_id)
        if is_new and len(self._known()) >= self._settings.max_groups:
            return ErrorCode.GROUP_MAX_SIZE_REACHED
        return ErrorCode.NONE

    def _transactional_error(self, request: TxnOffsetCommitRequest) -> ErrorCode:
        """Who does not name its membership is not asked for it (before KIP-447)."""
        if self._closed:
            return ErrorCode.COORDINATOR_NOT_AVAILABLE
        if not 1 <= len(request.group_id.encode()) <= MAX_GROUP_ID_BYTES:
            return ErrorCode.INVALID_GROUP_ID
        names_member = request.generation_id >= 0 or request.member_id
        if self.consumers.get(request.group_id) is not None:
            return self.consumers.transactional_error(request) if names_member else ErrorCode.NONE
        group = self._groups.get(request.group_id)
        if group is not None and (names_member or request.group_instance_id is not None):
            return group.check_commit(
                member_id=request.member_id,
                instance_id=request.group_instance_id,
                generation=request.generation_id,
                now_ms=self._now_ms(),
            )
        if group is None and names_member:
            return ErrorCode.ILLEGAL_GENERATION
        is_new = group is None and not self._offsets.of(request.group_id)
        if is_new and len(self._known()) >= self._settings.max_groups:
            return ErrorCode.GROUP_MAX_SIZE_REACHED
        return ErrorCode.NONE

    def _judged(
        self, request: OffsetCommitRequest | TxnOffsetCommitRequest, error: ErrorCode
    ) -> tuple[dict[TopicPartition, ErrorCode], dict[TopicPartition, CommittedOffset]]:
        """The outcome for every partition so far, and what is to be remembered.

        Args:
            error: Of the request as a whole; with it nothing is accepted.
        """
        now_ms = self._clock.now_ms()
        errors: dict[TopicPartition, ErrorCode] = {}
        accepted: dict[TopicPartition, CommittedOffset] = {}
        for topic in request.topics:
            for partition in topic.partitions:
                key = topic.name, partition.partition_index
                metadata = partition.committed_metadata or ""
                errors[key] = error or self._offset_error(*key, metadata)
                if errors[key] is ErrorCode.NONE:
                    accepted[key] = CommittedOffset(
                        partition.committed_offset,
                        partition.committed_leader_epoch,
                        metadata,
                        now_ms,
                    )
        return errors, accepted

    def _offset_error(self, topic: str, partition: int, metadata: str) -> ErrorCode:
        if len(metadata.encode()) > self._settings.max_metadata_bytes:
            return ErrorCode.OFFSET_METADATA_TOO_LARGE
        if not self._exists(topic, partition):
            return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        return ErrorCode.NONE

    def _deliver(self, group: Group, replies: list[Reply]) -> None:
        self._answer_all(replies)
        self._changes.note(group)
        self._arm(group)

    def _answer_all(self, replies: list[Reply]) -> None:
        for reply in replies:
            assert isinstance(reply.ticket, asyncio.Future)
            if not reply.ticket.done():  # cancelled: whoever asked is gone
                reply.ticket.set_result(reply.answer)

    def _arm(self, group: Group) -> None:
        """Have the group called when its next deadline passes; drop it if it is of no use."""
        deadline_ms = group.deadline_ms
        timer = self._timers.pop(group.group_id, None)
        if timer is not None:
            timer.cancel()
        if deadline_ms is None:
            if not self._offsets.of(group.group_id):
                self._drop(group)
            return
        self._timers[group.group_id] = asyncio.get_running_loop().call_at(
            deadline_ms / 1000, self._tick, group
        )

    def _tick(self, group: Group) -> None:
        if self._groups.get(group.group_id) is group:
            self._deliver(group, group.tick(self._now_ms()))

    def _drop(self, group: Group) -> None:
        self._groups.pop(group.group_id, None)
        self._changes.forget(group)
        timer = self._timers.pop(group.group_id, None)
        if timer is not None:
            timer.cancel()


def _ms(duration: timedelta) -> int:
    return int(duration / timedelta(milliseconds=1))
