"""Groups as handlers see them: requests in, responses out, real timers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.offsets import OffsetStore
from broker_core.errors import ErrorCode
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.protocol.messages.delete_groups import DeleteGroupsRequest
from broker_core.protocol.messages.describe_groups import DescribeGroupsRequest
from broker_core.protocol.messages.heartbeat import HeartbeatRequest
from broker_core.protocol.messages.join_group import (
    JoinGroupRequest,
    JoinGroupRequestProtocol,
    JoinGroupResponse,
)
from broker_core.protocol.messages.leave_group import LeaveGroupRequest, MemberIdentity
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
from broker_core.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestTopic,
)
from broker_core.protocol.messages.sync_group import (
    SyncGroupRequest,
    SyncGroupRequestAssignment,
)
from broker_core.settings import GroupSettings
from tests.support.partition import TurnedClock, open_directory, topic

SETTINGS = GroupSettings(
    min_session_timeout=timedelta(milliseconds=50),
    initial_rebalance_delay=timedelta(milliseconds=20),
    max_groups=3,
    max_metadata_bytes=10,
)


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[LogDirectory]:
    opened = open_directory(tmp_path)
    topic(opened)
    yield opened
    opened.let_go()


@pytest.fixture
async def groups(logs: LogDirectory) -> AsyncIterator[GroupRegistry]:
    commit = GroupCommit(logs.fault)
    offsets = OffsetStore.open(logs, commit, TurnedClock(), partitions=1)
    registry = GroupRegistry(offsets, logs, SETTINGS, TurnedClock())
    yield registry
    registry.close()
    await commit.close()


def join_request(
    member_id: str = "", *, group: str = "g", session_ms: int = 5000, instance: str | None = None
) -> JoinGroupRequest:
    return JoinGroupRequest(
        group_id=group,
        session_timeout_ms=session_ms,
        rebalance_timeout_ms=5000,
        member_id=member_id,
        group_instance_id=instance,
        protocol_type="consumer",
        protocols=(JoinGroupRequestProtocol(name="range", metadata=b"subscription"),),
    )


async def join(
    groups: GroupRegistry, request: JoinGroupRequest, *, version: int = 3
) -> JoinGroupResponse:
    return await asyncio.wait_for(
        groups.join(request, version=version, client_id="app", client_host="/127.0.0.1"), 10
    )


async def stable_member(groups: GroupRegistry, *, session_ms: int = 5000) -> JoinGroupResponse:
    joined = await join(groups, join_request(session_ms=session_ms))
    synced = await groups.sync(sync_request(joined, {joined.member_id: b"all"}))
    assert (synced.error_code, synced.assignment) == (0, b"all")
    return joined


def sync_request(joined: JoinGroupResponse, assignments: dict[str, bytes]) -> SyncGroupRequest:
    return SyncGroupRequest(
        group_id="g",
        generation_id=joined.generation_id,
        member_id=joined.member_id,
        assignments=tuple(
            SyncGroupRequestAssignment(member_id=member_id, assignment=assignment)
            for member_id, assignment in assignments.items()
        ),
    )


def commit_request(
    *,
    group: str = "g",
    member_id: str = "",
    generation: int = -1,
    name: str = "events",
    metadata: str | None = "note",
) -> OffsetCommitRequest:
    partition = OffsetCommitRequestPartition(
        partition_index=0,
        committed_offset=7,
        committed_leader_epoch=0,
        committed_metadata=metadata,
    )
    return OffsetCommitRequest(
        group_id=group,
        generation_id_or_member_epoch=generation,
        member_id=member_id,
        topics=(OffsetCommitRequestTopic(name=name, partitions=(partition,)),),
    )


async def commit(groups: GroupRegistry, request: OffsetCommitRequest) -> int:
    (answered,) = (await groups.commit_offsets(request)).topics
    return answered.partitions[0].error_code


async def committed(groups: GroupRegistry, group: str = "g") -> tuple[int, str | None]:
    wanted = OffsetFetchRequestTopic(name="events", partition_indexes=(0,))
    answer = await groups.fetch_offsets(OffsetFetchRequest(group_id=group, topics=(wanted,)))
    partition = answer.topics[0].partitions[0]
    return partition.committed_offset, partition.metadata


async def state(groups: GroupRegistry, group: str = "g") -> str:
    answer = await groups.describe_groups(DescribeGroupsRequest(groups=(group,)))
    return answer.groups[0].group_state


async def test_two_members_share_what_the_leader_assigns(groups: GroupRegistry) -> None:
    first, second = await asyncio.gather(join(groups, join_request()), join(groups, join_request()))
    leader, follower = (first, second) if first.members else (second, first)

    answers = await asyncio.gather(
        groups.sync(sync_request(follower, {})),
        groups.sync(sync_request(leader, {leader.member_id: b"0", follower.member_id: b"1"})),
    )

    assert [answer.assignment for answer in answers] == [b"1", b"0"]
    assert leader.leader == follower.leader == leader.member_id
    assert leader.member_id.startswith("app-")
    assert await state(groups) == "Stable"


async def test_a_client_that_knows_how_is_first_told_its_id(groups: GroupRegistry) -> None:
    first = await join(groups, join_request(), version=4)

    assert first.error_code == ErrorCode.MEMBER_ID_REQUIRED
    assert (await join(groups, join_request(first.member_id), version=4)).error_code == 0


async def test_a_silent_member_is_removed_by_the_timer(groups: GroupRegistry) -> None:
    joined = await stable_member(groups, session_ms=500)
    beat = HeartbeatRequest(
        group_id="g", generation_id=joined.generation_id, member_id=joined.member_id
    )
    assert (await groups.heartbeat(beat)).error_code == 0

    async with asyncio.timeout(30):
        while await state(groups) != "Dead":  # noqa: ASYNC110 - the group tells nobody
            await asyncio.sleep(0.01)

    assert (await groups.heartbeat(beat)).error_code == ErrorCode.UNKNOWN_MEMBER_ID


async def test_members_leave_one_by_one_or_together(groups: GroupRegistry) -> None:
    joined = await stable_member(groups)
    old = await groups.leave(LeaveGroupRequest(group_id="g", member_id="nobody"))
    gone = await groups.leave(LeaveGroupRequest(group_id="g", member_id=joined.member_id))

    assert (old.error_code, gone.error_code) == (ErrorCode.UNKNOWN_MEMBER_ID, 0)

    joined = await stable_member(groups)
    both = await groups.leave(
        LeaveGroupRequest(
            group_id="g",
            members=(
                MemberIdentity(member_id=joined.member_id),
                MemberIdentity(member_id="nobody"),
            ),
        )
    )
    assert both.error_code == 0
    assert [member.error_code for member in both.members] == [0, ErrorCode.UNKNOWN_MEMBER_ID]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (join_request(group=""), ErrorCode.INVALID_GROUP_ID),
        (join_request(group="x" * 2000), ErrorCode.INVALID_GROUP_ID),
        (join_request(session_ms=49), ErrorCode.INVALID_SESSION_TIMEOUT),
        (join_request(session_ms=2_000_000_000), ErrorCode.INVALID_SESSION_TIMEOUT),
        (join_request("unknown"), ErrorCode.UNKNOWN_MEMBER_ID),
    ],
)
async def test_what_cannot_be_joined_is_refused(
    groups: GroupRegistry, request_: JoinGroupRequest, error: ErrorCode
) -> None:
    assert (await join(groups, request_)).error_code == error
    assert (await groups.list_groups(ListGroupsRequest())).groups == ()


async def test_there_are_no_more_groups_than_allowed(groups: GroupRegistry) -> None:
    for name in ("a", "b"):
        assert (await join(groups, join_request(group=name))).error_code == 0
    assert await commit(groups, commit_request(group="c")) == 0

    assert (await join(groups, join_request(group="d"))).error_code == (
        ErrorCode.GROUP_MAX_SIZE_REACHED
    )
    assert await commit(groups, commit_request(group="e")) == ErrorCode.GROUP_MAX_SIZE_REACHED
    assert await commit(groups, commit_request(group="c")) == 0


async def test_a_members_offsets_are_kept(groups: GroupRegistry) -> None:
    joined = await stable_member(groups)
    mine = commit_request(member_id=joined.member_id, generation=joined.generation_id)

    assert await commit(groups, mine) == 0

    assert await committed(groups) == (7, "note")
    assert await committed(groups, "other") == (-1, "")


async def test_offsets_of_a_generation_that_ended_are_refused(groups: GroupRegistry) -> None:
    joined = await stable_member(groups)
    old = commit_request(member_id=joined.member_id, generation=joined.generation_id - 1)
    before_a_restart = commit_request(group="h", member_id="m", generation=3)

    assert await commit(groups, old) == ErrorCode.ILLEGAL_GENERATION
    assert await commit(groups, before_a_restart) == ErrorCode.ILLEGAL_GENERATION
    assert await commit(groups, commit_request()) == ErrorCode.UNKNOWN_MEMBER_ID
    assert await committed(groups) == (-1, "")


async def test_offsets_that_make_no_sense_are_refused_by_partition(groups: GroupRegistry) -> None:
    unknown = commit_request(name="nowhere")
    talkative = commit_request(metadata="longer than ten bytes")

    assert await commit(groups, unknown) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert await commit(groups, talkative) == ErrorCode.OFFSET_METADATA_TOO_LARGE
    assert await commit(groups, commit_request(group="")) == ErrorCode.INVALID_GROUP_ID
    assert await commit(groups, commit_request(metadata=None)) == 0
    assert await committed(groups) == (7, "")


async def test_a_failed_disk_is_retriable_for_the_consumer(
    groups: GroupRegistry, logs: LogDirectory
) -> None:
    logs.fault.set("test")

    assert await commit(groups, commit_request()) == ErrorCode.COORDINATOR_NOT_AVAILABLE


async def test_groups_are_listed_with_their_state(groups: GroupRegistry) -> None:
    await stable_member(groups)
    await commit(groups, commit_request(group="by hand"))

    everything = await groups.list_groups(ListGroupsRequest())
    empty = await groups.list_groups(ListGroupsRequest(states_filter=("empty",)))

    assert [(one.group_id, one.protocol_type, one.group_state) for one in everything.groups] == [
        ("g", "consumer", "Stable"),
        ("by hand", "", "Empty"),
    ]
    assert [one.group_id for one in empty.groups] == ["by hand"]


async def test_a_group_without_members_can_be_deleted_with_its_offsets(
    groups: GroupRegistry,
) -> None:
    joined = await stable_member(groups)
    mine = commit_request(member_id=joined.member_id, generation=joined.generation_id)
    await commit(groups, mine)

    async def delete(*names: str) -> list[int]:
        answer = await groups.delete_groups(DeleteGroupsRequest(groups_names=names))
        return [result.error_code for result in answer.results]

    assert await delete("g", "nobody") == [ErrorCode.NON_EMPTY_GROUP, ErrorCode.GROUP_ID_NOT_FOUND]
    await groups.leave(LeaveGroupRequest(group_id="g", member_id=joined.member_id))
    assert await delete("g") == [0]
    assert await committed(groups) == (-1, "")
    assert await state(groups) == "Dead"


async def test_a_deleted_topics_offsets_are_forgotten(groups: GroupRegistry) -> None:
    await commit(groups, commit_request())
    await commit(groups, commit_request(group="h"))

    await groups.forget_topic("events")

    assert await committed(groups) == (-1, "")
    assert await committed(groups, "h") == (-1, "")


async def test_who_waits_is_sent_away_when_the_broker_stops(groups: GroupRegistry) -> None:
    waiting = asyncio.create_task(join(groups, join_request()))
    await asyncio.sleep(0)

    groups.close()

    assert (await waiting).error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert (await join(groups, join_request())).error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert await commit(groups, commit_request()) == ErrorCode.COORDINATOR_NOT_AVAILABLE


async def test_a_client_that_hangs_up_while_it_waits_disturbs_nobody(
    groups: GroupRegistry,
) -> None:
    gone = asyncio.create_task(join(groups, join_request()))
    await asyncio.sleep(0)
    gone.cancel()

    assert (await join(groups, join_request())).error_code == 0


def delete_request(*topics: str, group: str = "g") -> OffsetDeleteRequest:
    partition = OffsetDeleteRequestPartition(partition_index=0)
    return OffsetDeleteRequest(
        group_id=group,
        topics=tuple(
            OffsetDeleteRequestTopic(name=name, partitions=(partition,)) for name in topics
        ),
    )


async def test_offsets_of_a_topic_that_a_member_reads_are_kept(groups: GroupRegistry) -> None:
    subscription = b"\x00\x01\x00\x00\x00\x01\x00\x06events"
    protocol = JoinGroupRequestProtocol(name="range", metadata=subscription)
    joined = await join(groups, replace(join_request(), protocols=(protocol,)))
    await groups.sync(sync_request(joined, {joined.member_id: b"all"}))
    member = {"member_id": joined.member_id, "generation": joined.generation_id}
    assert await commit(groups, commit_request(**member)) == 0  # type: ignore[arg-type]

    answer = await groups.delete_offsets(delete_request("events", "other"))

    errors = {topic.name: topic.partitions[0].error_code for topic in answer.topics}
    assert errors == {"events": ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, "other": ErrorCode.NONE}
    assert await committed(groups) == (7, "note")


async def test_offsets_of_a_group_without_members_are_forgotten(groups: GroupRegistry) -> None:
    assert await commit(groups, commit_request()) == 0

    answer = await groups.delete_offsets(delete_request("events"))

    assert answer.error_code == ErrorCode.NONE
    assert await committed(groups) == (-1, "")


async def test_a_group_nobody_knows_has_no_offsets_to_forget(groups: GroupRegistry) -> None:
    answer = await groups.delete_offsets(delete_request("events"))

    assert answer.error_code == ErrorCode.GROUP_ID_NOT_FOUND


async def test_what_becomes_of_a_group_is_told_in_the_log(groups: GroupRegistry) -> None:
    with capture_logs() as lines:
        joined = await stable_member(groups)
        assert await commit(groups, commit_request(member_id=joined.member_id, generation=1)) == 0
        await groups.leave(LeaveGroupRequest(group_id="g", member_id=joined.member_id, members=()))
        await groups.delete_groups(DeleteGroupsRequest(groups_names=("g",)))

    told = [line for line in lines if line["event"] == "group_state_changed"]
    states = ["PreparingRebalance", "CompletingRebalance", "Stable"]
    assert [line["state"] for line in told][:3] == states
    assert told[-1]["state"] == "Empty"
    assert lines[-1] == {"event": "group_deleted", "group": "g", "log_level": "info"}
