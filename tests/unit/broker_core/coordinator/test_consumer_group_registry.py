"""Consumer groups (KIP-848) as handlers see them: on disk before they are answered, real timers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker_core.coordinator import offsets
from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.member_errors import FencedMemberEpoch
from broker_core.coordinator.offsets import OffsetStore
from broker_core.errors import (
    CoordinatorNotAvailable,
    ErrorCode,
    GroupIdNotFound,
    GroupMaxSizeReached,
    InvalidRequest,
    StorageError,
    UnknownMemberId,
)
from broker_core.handlers.topology import SingleNode
from broker_core.log.file_layout import CONSUMER_OFFSETS
from broker_core.log.group_commit import GroupCommit
from broker_core.protocol.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
    OwnedTopicPartitions,
)
from broker_core.protocol.messages.delete_groups import DeleteGroupsRequest
from broker_core.protocol.messages.describe_groups import DescribeGroupsRequest
from broker_core.protocol.messages.join_group import (
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
)
from broker_core.protocol.messages.list_groups import ListGroupsRequest
from broker_core.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from broker_core.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from broker_core.protocol.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup
from broker_core.protocol.messages.txn_offset_commit import TxnOffsetCommitRequest
from broker_core.settings import GroupSettings
from tests.support.partition import TurnedClock, open_directory

SETTINGS = GroupSettings(
    consumer_session_timeout=timedelta(seconds=30),
    min_session_timeout=timedelta(milliseconds=50),
    initial_rebalance_delay=timedelta(milliseconds=1),
    max_groups=2,
)


class Node:
    """A node's groups, and how to start it anew on the same disk."""

    def __init__(self, path: Path) -> None:
        self.logs = open_directory(path)
        if not self.logs.topics():
            self.logs.create_topic("events", 4, {})
        self._path = path
        self._open(SETTINGS)

    def _open(self, settings: GroupSettings) -> None:
        """Open what is on disk; the groups are to be taken up then."""
        self._commit = GroupCommit(self.logs.fault)
        offsets = OffsetStore.open(self.logs, self._commit, TurnedClock(), partitions=1)
        node = SingleNode(self.logs, node_id=0, host="127.0.0.1", port=9092)
        self.groups = GroupRegistry(
            offsets, self.logs, settings, TurnedClock(), topics=lambda: node.state.topics
        )

    async def killed_and_started(self, settings: GroupSettings = SETTINGS) -> None:
        """Begin again with nothing but what is on disk."""
        await self.close()
        self.logs = open_directory(self._path)
        self._open(settings)
        await self.groups.consumers.begin()

    async def close(self) -> None:
        self.groups.close()
        await self._commit.close()
        self.logs.let_go()

    async def says(self, request: ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse:
        return await asyncio.wait_for(
            self.groups.consumer_heartbeat(
                request, client_id="app", client_host="127.0.0.1", may_see=lambda _: True
            ),
            30,
        )

    async def beat(
        self, member_id: str, epoch: int, owned: int | None = None
    ) -> ConsumerGroupHeartbeatResponse:
        """A heartbeat that may say how many partitions, from the first on, the member owns."""
        partitions = None
        if owned is not None:
            topic_id = self.logs.topics()["events"].topic_id.bytes
            partitions = (OwnedTopicPartitions(topic_id=topic_id, partitions=tuple(range(owned))),)
        return await self.says(
            ConsumerGroupHeartbeatRequest(
                group_id="g", member_id=member_id, member_epoch=epoch, topic_partitions=partitions
            )
        )

    async def listed(self, *types: str) -> list[tuple[str, str, str, str]]:
        answer = await self.groups.list_groups(ListGroupsRequest(types_filter=types))
        return [
            (one.group_id, one.protocol_type, one.group_state, one.group_type)
            for one in answer.groups
        ]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    opened = Node(tmp_path)
    yield opened
    await opened.close()


def join_request(member_id: str, group: str = "g") -> ConsumerGroupHeartbeatRequest:
    return ConsumerGroupHeartbeatRequest(
        group_id=group,
        member_id=member_id,
        member_epoch=0,
        rebalance_timeout_ms=60_000,
        subscribed_topic_names=("events",),
        topic_partitions=(),
    )


def commit_request(member_id: str, epoch: int) -> OffsetCommitRequest:
    partition = OffsetCommitRequestPartition(
        partition_index=0, committed_offset=7, committed_metadata=None
    )
    return OffsetCommitRequest(
        group_id="g",
        generation_id_or_member_epoch=epoch,
        member_id=member_id,
        topics=(OffsetCommitRequestTopic(name="events", partitions=(partition,)),),
    )


async def commit(node: Node, member_id: str, epoch: int) -> int:
    answer = await node.groups.commit_offsets(commit_request(member_id, epoch))
    return answer.topics[0].partitions[0].error_code


async def join_classic(node: Node, member_id: str = "") -> JoinGroupResponse:
    request = JoinGroupRequest(
        group_id="g",
        session_timeout_ms=5000,
        rebalance_timeout_ms=5000,
        member_id=member_id,
        protocol_type="consumer",
        protocols=(JoinGroupRequestProtocol(name="range", metadata=b""),),
    )
    joining = node.groups.join(request, version=3, client_id="app", client_host="/127.0.0.1")
    return await asyncio.wait_for(joining, 30)


async def test_a_member_joins_and_is_shown(node: Node) -> None:
    answer = await node.says(join_request("m"))

    assert (answer.error_code, answer.member_id, answer.member_epoch) == (0, "m", 1)
    assert answer.heartbeat_interval_ms == 5000
    assert answer.assignment is not None
    shown = node.groups.consumers.describe("g")
    assert (shown.group_state, shown.assignor_name) == ("Stable", "uniform")
    assert [member.member_id for member in shown.members] == ["m"]
    assert await node.listed() == [("g", "consumer", "Stable", "consumer")]
    assert await node.listed("Classic") == []
    assert await node.listed("CONSUMER") == await node.listed()


async def test_members_of_version_0_are_given_an_id(node: Node) -> None:
    answer = await node.says(replace(join_request("x"), member_id=""))

    assert answer.member_id


async def test_members_go_on_where_they_were_after_a_kill(node: Node) -> None:
    await node.says(join_request("m"))
    await node.says(join_request("n"))
    before = node.groups.consumers.describe("g")

    await node.killed_and_started()

    assert node.groups.consumers.describe("g") == before
    answer = await node.beat("n", 2)
    assert (answer.error_code, answer.member_epoch, answer.assignment) == (0, 2, None)
    with pytest.raises(FencedMemberEpoch):
        await node.beat("n", 1)


async def test_who_does_not_come_back_after_a_kill_is_removed(node: Node) -> None:
    await node.says(join_request("m"))

    await node.killed_and_started(
        SETTINGS.model_copy(update={"consumer_session_timeout": timedelta(milliseconds=20)})
    )

    async with asyncio.timeout(30):
        while node.groups.consumers.names:  # noqa: ASYNC110 - the registry tells nobody
            await asyncio.sleep(0.01)
    assert await node.listed() == []


async def test_a_group_of_which_nothing_is_left_is_forgotten_on_disk_too(node: Node) -> None:
    await node.says(join_request("m"))

    assert (await node.beat("m", -1)).member_epoch == -1

    assert await node.listed() == []
    await node.killed_and_started()
    assert node.groups.consumers.names == ()
    with pytest.raises(GroupIdNotFound):
        await node.beat("m", 1)


async def test_an_empty_group_with_offsets_stays_and_can_be_deleted(node: Node) -> None:
    await node.says(join_request("m"))
    assert await commit(node, "m", 1) == ErrorCode.NONE
    await node.beat("m", -1)
    await node.killed_and_started()

    assert await node.listed() == [("g", "consumer", "Empty", "consumer")]
    assert (await node.says(join_request("m"))).member_epoch == 3
    delete = DeleteGroupsRequest(groups_names=("g",))
    refused = await node.groups.delete_groups(delete)
    assert refused.results[0].error_code == ErrorCode.NON_EMPTY_GROUP
    await node.beat("m", -1)
    deleted = await node.groups.delete_groups(delete)
    assert deleted.results[0].error_code == ErrorCode.NONE
    assert await node.listed() == []


async def test_only_members_in_their_epoch_commit(node: Node) -> None:
    await node.says(join_request("m"))

    assert await commit(node, "m", 0) == ErrorCode.STALE_MEMBER_EPOCH
    assert await commit(node, "n", 1) == ErrorCode.UNKNOWN_MEMBER_ID
    assert await commit(node, "", -1) == ErrorCode.UNKNOWN_MEMBER_ID
    await node.killed_and_started()
    assert await commit(node, "m", 1) == ErrorCode.NONE


@pytest.mark.parametrize(
    ("member_id", "epoch", "error"),
    [
        (None, -1, ErrorCode.NONE),
        ("m", 1, ErrorCode.NONE),
        ("m", 2, ErrorCode.STALE_MEMBER_EPOCH),
        ("n", 1, ErrorCode.UNKNOWN_MEMBER_ID),
    ],
)
async def test_only_members_in_their_epoch_are_told_offsets(
    node: Node, member_id: str | None, epoch: int, error: ErrorCode
) -> None:
    await node.says(join_request("m"))
    asked = OffsetFetchRequestGroup(
        group_id="g", member_id=member_id, member_epoch=epoch, topics=None
    )

    answer = await node.groups.fetch_offsets(OffsetFetchRequest(groups=(asked,)))

    assert answer.groups[0].error_code == error


@pytest.mark.parametrize(
    ("member_id", "epoch", "error"),
    [
        ("", -1, ErrorCode.NONE),
        ("m", 1, ErrorCode.NONE),
        ("m", 2, ErrorCode.ILLEGAL_GENERATION),
        ("n", 1, ErrorCode.UNKNOWN_MEMBER_ID),
    ],
)
async def test_transactions_commit_for_members_in_their_epoch(
    node: Node, member_id: str, epoch: int, error: ErrorCode
) -> None:
    await node.says(join_request("m"))
    request = TxnOffsetCommitRequest(
        transactional_id="t", group_id="g", producer_id=1, producer_epoch=0,
        generation_id=epoch, member_id=member_id, topics=(),
    )  # fmt: skip

    assert node.groups._transactional_error(request) == error


async def test_a_topic_that_is_read_keeps_its_offsets_and_holds_the_disk_budget(
    node: Node,
) -> None:
    await node.says(join_request("m"))
    await commit(node, "m", 1)
    asked = OffsetDeleteRequest(
        group_id="g",
        topics=(
            OffsetDeleteRequestTopic(
                name="events", partitions=(OffsetDeleteRequestPartition(partition_index=0),)
            ),
        ),
    )

    answer = await node.groups.delete_offsets(asked)

    assert answer.topics[0].partitions[0].error_code == ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC
    assert node.groups.progress("g").topics == {"events"}


async def test_one_protocol_at_a_time(node: Node) -> None:
    await node.says(join_request("m"))

    joined = await join_classic(node)
    described = await node.groups.describe_groups(DescribeGroupsRequest(groups=("g",)))

    assert joined.error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert [group.group_state for group in described.groups] == ["Dead"]


async def test_an_empty_group_of_either_protocol_becomes_one_of_the_other(node: Node) -> None:
    await node.says(join_request("m"))
    await commit(node, "m", 1)
    await node.beat("m", -1)

    joined = await join_classic(node)
    assert joined.error_code == ErrorCode.NONE
    assert node.groups.consumers.names == ()
    with pytest.raises(GroupIdNotFound):
        await node.says(join_request("m"))

    await node.killed_and_started()  # classic members are not kept
    assert (await node.says(join_request("m"))).error_code == 0
    assert await node.listed() == [("g", "consumer", "Stable", "consumer")]


async def test_who_joins_first_decides_while_an_empty_group_changes_sides(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.says(join_request("m"))
    await commit(node, "m", 1)
    await node.beat("m", -1)
    delete = node.groups.consumers.delete

    async def overtaken(group_id: str) -> None:
        await delete(group_id)
        await node.says(join_request("n"))

    monkeypatch.setattr(node.groups.consumers, "delete", overtaken)
    joined = await join_classic(node)

    assert joined.error_code == ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert await node.listed() == [("g", "consumer", "Stable", "consumer")]


async def test_no_more_groups_than_allowed(node: Node) -> None:
    await node.says(join_request("m", "g"))
    await node.says(join_request("m", "h"))

    with pytest.raises(GroupMaxSizeReached):
        await node.says(join_request("m", "i"))
    await node.says(join_request("n", "h"))


async def test_what_the_log_refuses_has_not_happened(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await node.says(join_request("m"))
    before = node.groups.consumers.describe("g")

    def refuse(*_: object, **__: object) -> None:
        raise StorageError("no space")

    log = node.logs.get(CONSUMER_OFFSETS, 0)
    with monkeypatch.context() as patched:
        patched.setattr(log, "append", refuse)
        for request in (join_request("n"), join_request("n", "h")):
            with pytest.raises(CoordinatorNotAvailable):
                await node.says(request)

    assert node.groups.consumers.describe("g") == before
    assert node.groups.consumers.names == ("g",)
    assert (await node.beat("m", 1)).error_code == 0


async def test_what_the_log_took_of_a_change_is_waited_for(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of two batches is written: the group is as that says, once it is on disk."""
    monkeypatch.setattr(offsets, "_RECORDS_PER_BATCH", 3)
    log = node.logs.get(CONSUMER_OFFSETS, 0)
    assert log is not None
    take = log.append
    taken: list[Any] = []

    def once(*batch: Any, **more: Any) -> Any:
        if taken:
            raise StorageError("no space")
        taken.append(take(*batch, **more))
        return taken[0]

    with monkeypatch.context() as patched:
        patched.setattr(log, "append", once)
        with pytest.raises(CoordinatorNotAvailable):
            await node.says(join_request("m"))

    assert node.groups.consumers._appended["g"].end_offset == log.end_offset
    shown = node.groups.consumers.describe("g")
    assert [(one.member_id, one.member_epoch) for one in shown.members] == [("m", 0)]
    assert (await node.says(join_request("m"))).member_epoch == 1


async def test_a_partition_led_elsewhere_takes_its_groups_along(node: Node) -> None:
    await node.says(join_request("m"))

    node.groups.unload(0)

    with pytest.raises(GroupIdNotFound):
        await node.beat("m", 1)


async def test_a_partition_led_from_now_on_brings_its_groups(node: Node) -> None:
    await node.says(join_request("m"))
    node.groups.unload(0)
    replica = node.groups._offsets._shards.replica(0)

    await node.groups.load(replica)

    assert (await node.beat("m", 1)).error_code == 0


async def test_nothing_is_answered_once_it_stops(node: Node) -> None:
    node.groups.close()

    with pytest.raises(CoordinatorNotAvailable):
        await node.says(join_request("m"))


async def test_strangers_and_late_comers(node: Node) -> None:
    await node.says(join_request("m"))

    with pytest.raises(UnknownMemberId):
        await node.beat("n", 1)
    with pytest.raises(InvalidRequest):
        await node.beat("m", -2)
    with pytest.raises(GroupIdNotFound):
        node.groups.consumers.describe("h")


async def test_a_shared_topic_is_handed_over_and_every_step_is_on_disk(node: Node) -> None:
    await node.says(join_request("m"))
    await node.says(join_request("n"))
    await node.killed_and_started()

    told = await node.beat("m", 1)
    await node.killed_and_started()
    waits = await node.beat("n", 2)
    done = await node.beat("m", 1, owned=2)
    await node.killed_and_started()
    given = await node.beat("n", 2)

    assert numbers(told) == (0, 1)
    assert waits.assignment is None
    assert (done.member_epoch, given.member_epoch) == (2, 2)
    assert numbers(given) == (2, 3)


def numbers(answer: ConsumerGroupHeartbeatResponse) -> tuple[int, ...]:
    """The partitions of the topic that a member is told to read."""
    assert answer.assignment is not None
    (topic,) = answer.assignment.topic_partitions
    return topic.partitions
