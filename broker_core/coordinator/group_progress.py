"""ClusterProgress: how far the groups have come that the disk budget of a cluster's node waits for.

Every node keeps its own disk within its budget, and each group is coordinated by one of them. That
one is asked as by any client: OffsetFetch for what was committed, DescribeGroups and (KIP-848)
ConsumerGroupDescribe for what members read. While that is not known of every group, nothing goes.
For the event loop.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from broker_core.coordinator.consumer_group import ConsumerGroupState
from broker_core.coordinator.group import GroupState
from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.shards import shard_of
from broker_core.coordinator.subscription import CONSUMER_PROTOCOL, subscribed_topics
from broker_core.errors import BrokerError, CoordinatorNotAvailable, ErrorCode, error_of
from broker_core.log.disk_budget import Progress
from broker_core.log.file_layout import CONSUMER_OFFSETS
from broker_core.protocol.messages.consumer_group_describe import (
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
    DescribedConsumerGroup,
)
from broker_core.protocol.messages.describe_groups import (
    DescribedGroup,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)
from broker_core.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchResponse,
)
from broker_core.replication.cluster_state import ClusterState
from broker_core.replication.siblings import Siblings

log = structlog.get_logger()

ASK_SECONDS = 1.0
KNOWN_SECONDS = 10.0  # for so long an answer counts: offsets hardly ever go back
NOTHING_READ = Progress(committed={}, topics=frozenset())
_OFFSET_FETCH_VERSION, _DESCRIBE_GROUPS_VERSION = 8, 5
_CONSUMER_GROUP_DESCRIBE_VERSION = 1
_SAYS_WHAT_IT_READS = frozenset({GroupState.STABLE, GroupState.EMPTY, GroupState.DEAD})


class ClusterProgress:
    """What the coordinators of some groups answered last.

    Args:
        state: The newest known state of the cluster.
        registry: The groups that this node coordinates.
        node_id: Of this node.
    """

    def __init__(
        self,
        groups: Sequence[str],
        registry: GroupRegistry,
        siblings: Siblings,
        state: Callable[[], ClusterState],
        *,
        node_id: int,
    ) -> None:
        self._groups = groups
        self._registry = registry
        self._siblings = siblings
        self._state = state
        self._node_id = node_id
        self._known: dict[str, tuple[float, Progress]] = {}

    def known(self) -> Sequence[Progress] | None:
        """How far each group has come; None while that is not known of one of them."""
        oldest = asyncio.get_running_loop().time() - KNOWN_SECONDS
        known = [self._known.get(group) for group in self._groups]
        fresh = [each[1] for each in known if each is not None and each[0] >= oldest]
        return fresh if len(fresh) == len(self._groups) else None

    async def run(self) -> None:
        """Ask every second until cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(ASK_SECONDS)

    async def ask(self) -> None:
        """Ask once after every group; who cannot be asked is asked the next time."""
        await asyncio.gather(*map(self._ask_after, self._groups))

    async def _ask_after(self, group: str) -> None:
        now = asyncio.get_running_loop().time()
        try:
            progress = await self._progress(group)
        except BrokerError as error:
            log.debug("group_progress_unknown", group=group, reason=str(error))
        else:
            self._known[group] = now, progress

    async def _progress(self, group: str) -> Progress:
        state = self._state()
        topic = state.topics.get(CONSUMER_OFFSETS)
        if topic is None:
            if state.version == 0:
                raise CoordinatorNotAvailable("the cluster is not known yet")
            return NOTHING_READ  # nobody has ever committed anything
        coordinator = topic.partitions[shard_of(group, len(topic.partitions))].leader
        if coordinator != self._node_id:
            return await self._ask_sibling(coordinator, group)
        _check(self._registry.refusal(group))
        return self._registry.progress(group)

    async def _ask_sibling(self, coordinator: int, group: str) -> Progress:
        fetch = OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id=group, topics=None),))
        fetched: OffsetFetchResponse = await self._siblings.ask(
            coordinator, fetch, _OFFSET_FETCH_VERSION
        )
        describe = DescribeGroupsRequest(groups=(group,))
        described: DescribeGroupsResponse = await self._siblings.ask(
            coordinator, describe, _DESCRIBE_GROUPS_VERSION
        )
        consumers: ConsumerGroupDescribeResponse = await self._siblings.ask(
            coordinator,
            ConsumerGroupDescribeRequest(group_ids=(group,), include_authorized_operations=False),
            _CONSUMER_GROUP_DESCRIBE_VERSION,
        )
        (one,), (members,), (new,) = fetched.groups, described.groups, consumers.groups
        _check(one.error_code)
        _check(members.error_code)
        topics = _read_topics(members)
        if new.error_code != ErrorCode.GROUP_ID_NOT_FOUND:
            _check(new.error_code)
            topics |= _consumers_topics(new)
        committed = {
            (topic.name, partition.partition_index): partition.committed_offset
            for topic in one.topics
            for partition in topic.partitions
            if partition.committed_offset >= 0
        }
        return Progress(committed=committed, topics=topics)


def _read_topics(described: DescribedGroup) -> frozenset[str]:
    """Which topics the members read; that is told once they have come together."""
    if described.group_state not in _SAYS_WHAT_IT_READS:
        raise CoordinatorNotAvailable(f"{described.group_id} is coming together")
    topics: frozenset[str] = frozenset()
    if described.protocol_type == CONSUMER_PROTOCOL:
        told = [subscribed_topics(bytes(member.member_metadata)) for member in described.members]
        topics = topics.union(*told)
    return topics


def _consumers_topics(described: DescribedConsumerGroup) -> frozenset[str]:
    """The same of the new protocol; what an expression matches is told by what is assigned."""
    if described.group_state == ConsumerGroupState.ASSIGNING:
        raise CoordinatorNotAvailable(f"{described.group_id} is being assigned")
    names = (member.subscribed_topic_names for member in described.members)
    assigned = (
        [topic.topic_name for topic in member.target_assignment.topic_partitions]
        for member in described.members
    )
    return frozenset().union(*names, *assigned)


def _check(code: int) -> None:
    if code != ErrorCode.NONE:
        raise error_of(code, "the coordinator does not answer")
