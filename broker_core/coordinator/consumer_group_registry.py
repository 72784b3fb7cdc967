"""The consumer groups (KIP-848) this broker coordinates, their timers and what is written of them.

A change is in memory at once, in the log in the same turn of the loop, and answered once it is on
disk; so is everything that was answered with knowledge of it. What the log refuses has not
happened: the group is made anew from what is written. For the event loop.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

import structlog

from broker_core.coordinator import consumer_group_answers
from broker_core.coordinator.consumer_group import Beaten, ConsumerGroup
from broker_core.coordinator.consumer_group_journal import Records
from broker_core.coordinator.consumer_group_records import restored
from broker_core.coordinator.consumer_member import JOIN_EPOCH
from broker_core.coordinator.offsets import Appended, OffsetStore
from broker_core.coordinator.topic_partitions import KnownTopic, Topics
from broker_core.errors import (
    BrokerError,
    CoordinatorNotAvailable,
    ErrorCode,
    GroupIdNotFound,
    NotCoordinator,
    NotLeaderOrFollower,
)
from broker_core.protocol.messages.consumer_group_describe import DescribedConsumerGroup
from broker_core.protocol.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)
from broker_core.protocol.messages.offset_fetch import OffsetFetchRequestGroup
from broker_core.protocol.messages.txn_offset_commit import TxnOffsetCommitRequest
from broker_core.replication.cluster_state import Topic
from broker_core.settings import GroupSettings

log = structlog.get_logger()


class ConsumerGroupRegistry:
    """Every group of the new protocol.

    Args:
        topics: The topics there are; the same object while nothing has changed.
    """

    def __init__(
        self,
        offsets: OffsetStore,
        settings: GroupSettings,
        topics: Callable[[], Mapping[str, Topic]],
    ) -> None:
        self._offsets = offsets
        self._topics_now = topics
        self._topics_seen: Mapping[str, Topic] | None = None
        self._topics: Topics = {}
        self._session_ms = int(settings.consumer_session_timeout.total_seconds() * 1000)
        self._interval_ms = int(settings.consumer_heartbeat_interval.total_seconds() * 1000)
        self._max_members = settings.max_members
        self._groups: dict[str, ConsumerGroup] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._appended: dict[str, Appended] = {}

    @property
    def names(self) -> Sequence[str]:
        """Every group."""
        return tuple(self._groups)

    def get(self, group_id: str) -> ConsumerGroup | None:
        """Return a group; None if there is none of the new protocol of that name."""
        return self._groups.get(group_id)

    async def heartbeat(
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
        if not request.member_id and request.member_epoch == JOIN_EPOCH:
            request = replace(request, member_id=str(uuid4()))
        consumer_group_answers.check_heartbeat(request)
        group = self._groups.get(request.group_id)
        if group is None and request.member_epoch != JOIN_EPOCH:
            raise GroupIdNotFound(f"{request.group_id!r} is no consumer group")
        group = group or self._new(request.group_id)
        if request.member_epoch < JOIN_EPOCH:
            group.leave(request.member_id, request.instance_id, request.member_epoch)
            beaten = Beaten(request.member_id, request.member_epoch)
        else:
            beat = consumer_group_answers.beat_of(
                request, client_id=client_id, client_host=client_host
            )
            beaten = group.heartbeat(beat, self._known_topics(), may_see, _now_ms())
        self._save(group)
        await self._settled(request.group_id)
        return consumer_group_answers.heartbeat_response(beaten, self._interval_ms)

    def describe(self, group_id: str) -> DescribedConsumerGroup:
        """Show a group.

        Raises:
            GroupIdNotFound: There is none of the new protocol of that name.
        """
        group = self._groups.get(group_id)
        if group is None:
            raise GroupIdNotFound(f"Group {group_id} not found.")
        return consumer_group_answers.described_group(group, self._known_topics())

    def commit_error(self, group_id: str, member_id: str, epoch: int) -> ErrorCode:
        """Why a member may not commit offsets; NONE if it may."""
        try:
            self._groups[group_id].check_commit(member_id, epoch)
        except BrokerError as error:
            return error.code
        return ErrorCode.NONE

    def transactional_error(self, request: TxnOffsetCommitRequest) -> ErrorCode:
        """The same in a transaction, where Kafka has another word for a stale epoch."""
        error = self.commit_error(request.group_id, request.member_id, request.generation_id)
        is_stale = error is ErrorCode.STALE_MEMBER_EPOCH
        return ErrorCode.ILLEGAL_GENERATION if is_stale else error

    def fetch_error(self, asked: OffsetFetchRequestGroup) -> ErrorCode:
        """Why a member is not told offsets; NONE if it is, or the group is not one of these."""
        group = self._groups.get(asked.group_id)
        try:
            if group is not None:
                group.check_fetch(asked.member_id, asked.member_epoch)
        except BrokerError as error:
            return error.code
        return ErrorCode.NONE

    async def give_up(self, group_id: str) -> ErrorCode:
        """Let an empty group be one of the classic protocol from now on; NONE once it is."""
        try:
            await self.delete(group_id)
        except BrokerError as error:
            return error.code
        return ErrorCode.NONE

    async def delete(self, group_id: str) -> None:
        """Forget a group without members; that is on disk when this returns.

        Raises:
            BrokerError: It is not.
        """
        group = self._groups.get(group_id)
        if group is not None:
            assert not group.members, "a group with members is not deleted"
            self._drop(group_id)
            await self._settled(group_id)

    async def begin(self, shard: int | None = None) -> None:
        """Take up the groups that were read from a partition (None: all), one by one.

        Each member has a new session.
        """
        for group_id in self._offsets.journal.groups:
            if shard is None or self._offsets.shard_of(group_id) == shard:
                self._restore(group_id)
                await asyncio.sleep(0)

    def unload(self, shard: int) -> None:
        """Let go of the groups of a partition that another node leads now."""
        for group_id in [each for each in self._groups if self._offsets.shard_of(each) == shard]:
            self._let_go(group_id)
            self._appended.pop(group_id, None)

    def close(self) -> None:
        """Stop the timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    # -- inside

    def _new(self, group_id: str) -> ConsumerGroup:
        return ConsumerGroup(group_id, session_ms=self._session_ms, max_members=self._max_members)

    def _known_topics(self) -> Topics:
        topics = self._topics_now()
        if topics is not self._topics_seen:
            self._topics_seen = topics
            known = {
                name: KnownTopic(topic.topic_id.bytes, len(topic.partitions))
                for name, topic in topics.items()
            }
            if known != self._topics:
                self._topics = known
        return self._topics

    def _save(self, group: ConsumerGroup) -> None:
        """Write what has changed of a group, and have it called when it is due.

        Raises:
            BrokerError: It could not be written, and has not happened.
        """
        group_id = group.group_id
        self._groups[group_id] = group
        try:
            if not group.members and not self._is_remembered(group_id):
                self._drop(group_id)
                return
            changes = self._offsets.journal.changes(group, group.take_changes())
            self._append(group_id, changes)
        except BrokerError as error:
            log.warning("consumer_group_not_saved", group=group_id, error=str(error))
            self._restore(group_id)
            raise _of_coordinator(error) from error
        self._arm(group)

    def _drop(self, group_id: str) -> None:
        self._append(group_id, self._offsets.journal.tombstones(group_id))
        self._let_go(group_id)

    def _append(self, group_id: str, records: Records) -> None:
        for appended in self._offsets.append(group_id, records):
            self._appended[group_id] = appended

    def _is_remembered(self, group_id: str) -> bool:
        return bool(self._offsets.of(group_id) or self._offsets.unsettled(group_id))

    def _restore(self, group_id: str) -> None:
        """Make a group anew from what is written of it."""
        self._let_go(group_id)
        written = self._offsets.journal.of(group_id)
        if not written:
            return
        try:
            group = restored(self._new(group_id), written)
        except BrokerError as error:  # its members join a new one
            log.error("consumer_group_unreadable", group=group_id, error=str(error))
            return
        group.begin(_now_ms())
        self._groups[group_id] = group
        self._arm(group)

    async def _settled(self, group_id: str) -> None:
        """Wait until all that is known of a group is on disk.

        Raises:
            CoordinatorNotAvailable, NotCoordinator: It may never be.
        """
        appended = self._appended.get(group_id)
        if appended is None:
            return
        try:
            await appended.replica.acknowledged(appended.end_offset)
        except BrokerError as error:
            raise _of_coordinator(error) from error
        if self._appended.get(group_id) is appended:
            del self._appended[group_id]

    def _arm(self, group: ConsumerGroup) -> None:
        """Have the group called when its next deadline passes; rather too early than too late."""
        deadline_ms = group.deadline_ms
        timer = self._timers.get(group.group_id)
        if deadline_ms is None:
            self._disarm(group.group_id)
        elif timer is None or timer.when() * 1000 > deadline_ms:
            self._disarm(group.group_id)
            loop = asyncio.get_running_loop()
            self._timers[group.group_id] = loop.call_at(deadline_ms / 1000, self._tick, group)

    def _disarm(self, group_id: str) -> None:
        timer = self._timers.pop(group_id, None)
        if timer is not None:
            timer.cancel()

    def _tick(self, group: ConsumerGroup) -> None:
        self._timers.pop(group.group_id, None)
        if self._groups.get(group.group_id) is not group:
            return
        removed = group.tick(_now_ms())
        if removed:
            log.info("consumer_group_members_removed", group=group.group_id, members=removed)
        try:
            self._save(group)
        except BrokerError:
            return  # it is as it was, and its members have another session
        if group.group_id not in self._groups:
            self._appended.pop(group.group_id, None)

    def _let_go(self, group_id: str) -> None:
        self._groups.pop(group_id, None)
        self._disarm(group_id)


def _now_ms() -> int:
    """A clock that never jumps: sessions must not end because somebody set the time."""
    return int(asyncio.get_running_loop().time() * 1000)


def _of_coordinator(error: BrokerError) -> BrokerError:
    """A log's refusal, as a coordinator tells it."""
    if isinstance(error, NotLeaderOrFollower | NotCoordinator):
        return NotCoordinator(str(error))
    return CoordinatorNotAvailable(str(error))
