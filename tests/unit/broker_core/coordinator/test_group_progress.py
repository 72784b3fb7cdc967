"""The disk budget of three nodes: nothing goes that a group anywhere has still to read."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broker_core.acl import Operation, PatternType, Permission, ResourceType
from broker_core.authorizer import ANONYMOUS
from broker_core.controller import Controller
from broker_core.coordinator.group_progress import ClusterProgress
from broker_core.errors import ErrorCode
from broker_core.log.disk_budget import Progress
from broker_core.protocol.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from broker_core.protocol.messages.create_acls import AclCreation, CreateAclsRequest
from broker_core.protocol.messages.find_coordinator import FindCoordinatorRequest
from broker_core.protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from broker_core.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from broker_core.protocol.messages.sync_group import (
    SyncGroupRequest,
    SyncGroupRequestAssignment,
)
from broker_core.replication.peer import Credentials
from broker_core.settings import Access, GroupSettings
from tests.support.cluster_in_process import SECONDS, InProcessCluster, three_nodes
from tests.support.controller import controller_settings

GROUP = "readers"
SEGMENTS = {"segment.bytes": "2048", "retention.ms": "-1"}  # the budget alone removes
BUDGET_BYTES = 40_000
BUDGET = {"disk_budget": BUDGET_BYTES, "disk_budget_groups": (GROUP,)}
TOPICS = ("first", "second", "third")
RECORDS = 30
RECORD = bytes(500)


async def at_coordinator(cluster: InProcessCluster, use: Callable[[int], Awaitable[int]]) -> None:
    """Have the group's coordinator asked until it answers without an error."""
    async with asyncio.timeout(SECONDS):
        while True:
            request = FindCoordinatorRequest(coordinator_keys=(GROUP,))
            asked = next(iter(cluster.brokers))
            found = (await cluster.ask(asked, request, 4)).coordinators[0]
            if found.error_code == 0 and await use(found.node_id) == ErrorCode.NONE:
                return
            await asyncio.sleep(0.02)


async def commit(cluster: InProcessCluster, offset: int, *topics: str) -> None:
    partition = OffsetCommitRequestPartition(
        partition_index=0, committed_offset=offset, committed_metadata=""
    )
    request = OffsetCommitRequest(
        group_id=GROUP,
        generation_id_or_member_epoch=-1,
        member_id="",
        topics=tuple(
            OffsetCommitRequestTopic(name=topic, partitions=(partition,)) for topic in topics
        ),
    )

    async def use(node_id: int) -> int:
        answer = await cluster.ask(node_id, request, 8)
        codes: list[int] = [topic.partitions[0].error_code for topic in answer.topics]
        return max(codes)

    await at_coordinator(cluster, use)


async def create(cluster: InProcessCluster) -> dict[str, int]:
    """Three topics, each led by another node; return by which."""
    for topic in TOPICS:
        await cluster.create(topic, SEGMENTS)
    leaders = {topic: await cluster.in_sync(topic) for topic in TOPICS}
    assert set(leaders.values()) == {0, 1, 2}
    return leaders


def held(cluster: InProcessCluster, node_id: int) -> int:
    """How many bytes of the topics a node has."""
    return sum(cluster.log(node_id, topic).bytes for topic in TOPICS)


async def fill(cluster: InProcessCluster, leaders: dict[str, int]) -> None:
    """About 16 KB to each topic."""
    for _ in range(RECORDS):
        for topic, leader in leaders.items():
            answer = await cluster.send(leader, topic, RECORD)
            assert answer.error_code in (ErrorCode.NONE, ErrorCode.KAFKA_STORAGE_ERROR)


async def test_what_the_group_has_not_read_stays_on_all_nodes_and_then_goes_from_all(
    tmp_path: Path,
) -> None:
    async with three_nodes(tmp_path, settings=BUDGET) as cluster:
        leaders = await create(cluster)
        await commit(cluster, 0, *TOPICS)
        await fill(cluster, leaders)

        await cluster.until(
            lambda: all(broker.shortage is not None for broker in cluster.brokers.values())
        )
        for node_id in cluster.brokers:
            assert all(cluster.log(node_id, topic).log_start_offset == 0 for topic in TOPICS)
        read = min(cluster.log(0, topic).high_watermark for topic in TOPICS)
        await commit(cluster, read, *TOPICS)
        await cluster.until(
            lambda: all(broker.shortage is None for broker in cluster.brokers.values())
        )

        await cluster.until(
            lambda: all(held(cluster, node_id) <= BUDGET_BYTES for node_id in cluster.brokers)
        )
        for topic, leader in leaders.items():
            start = cluster.log(leader, topic).log_start_offset
            assert start <= read
            await cluster.until(
                lambda topic=topic, start=start: all(  # type: ignore[misc]
                    cluster.log(node_id, topic).log_start_offset == start
                    for node_id in cluster.brokers
                )
            )
            answer = await cluster.send(leader, topic, RECORD)
            assert answer.error_code == 0
        assert any(cluster.log(0, topic).log_start_offset > 0 for topic in TOPICS)


@pytest.mark.parametrize("is_stable", [False, True])
async def test_a_member_that_has_committed_nothing_yet_keeps_what_it_reads(
    tmp_path: Path, is_stable: bool
) -> None:
    async with three_nodes(tmp_path, settings=BUDGET) as cluster:
        leaders = await create(cluster)
        subscription = b"\x00\x00" + len(TOPICS).to_bytes(4, "big")
        for topic in TOPICS:
            subscription += len(topic).to_bytes(2, "big") + topic.encode()
        protocol = JoinGroupRequestProtocol(name="range", metadata=subscription)
        request = JoinGroupRequest(
            group_id=GROUP,
            session_timeout_ms=SECONDS * 1000,
            rebalance_timeout_ms=SECONDS * 1000,
            member_id="",
            protocol_type="consumer",
            protocols=(protocol,),
        )

        async def use(node_id: int) -> int:
            joined = await cluster.ask(node_id, request, 3)
            code: int = joined.error_code
            if code == ErrorCode.NONE and is_stable:
                mine = SyncGroupRequestAssignment(member_id=joined.member_id, assignment=b"")
                sync = SyncGroupRequest(
                    group_id=GROUP,
                    generation_id=joined.generation_id,
                    member_id=joined.member_id,
                    assignments=(mine,),
                )
                code = (await cluster.ask(node_id, sync, 3)).error_code
            return code

        await at_coordinator(cluster, use)
        await fill(cluster, leaders)

        await cluster.until(
            lambda: all(broker.shortage is not None for broker in cluster.brokers.values())
        )
        for node_id in cluster.brokers:
            assert all(cluster.log(node_id, topic).log_start_offset == 0 for topic in TOPICS)


@pytest.mark.parametrize("subscription", [{"names": TOPICS}, {"regex": "|".join(TOPICS)}], ids=str)
async def test_every_node_knows_what_a_member_of_the_new_protocol_reads(
    tmp_path: Path, subscription: dict[str, Any]
) -> None:
    groups = GroupSettings(consumer_session_timeout=timedelta(hours=1))
    async with three_nodes(tmp_path, settings={**BUDGET, "groups": groups}) as cluster:
        await create(cluster)
        request = ConsumerGroupHeartbeatRequest(
            group_id=GROUP,
            member_id="m",
            member_epoch=0,
            rebalance_timeout_ms=SECONDS * 1000,
            subscribed_topic_names=subscription.get("names"),
            subscribed_topic_regex=subscription.get("regex"),
            topic_partitions=(),
        )

        async def use(node_id: int) -> int:
            code: int = (await cluster.ask(node_id, request, 1)).error_code
            return code

        await at_coordinator(cluster, use)

        for node_id, broker in cluster.brokers.items():
            node = broker.node
            assert node is not None
            progress = ClusterProgress(
                (GROUP,),
                broker._services.groups,
                node.siblings,
                lambda node=node: node.link.state,  # type: ignore[misc]
                node_id=node_id,
            )
            await progress.ask()
            assert progress.known() == [Progress(committed={}, topics=frozenset(TOPICS))]


async def test_a_node_without_room_for_copies_has_their_leaders_let_go(tmp_path: Path) -> None:
    """Where access is by lists, too: nodes may do everything."""
    admin = Credentials(name="admin", secret="a")
    entries = tuple(
        AclCreation(
            resource_type=kind,
            resource_name="*",
            resource_pattern_type=PatternType.LITERAL,
            principal=f"User:{ANONYMOUS}",
            host="*",
            operation=Operation.ALL,
            permission_type=Permission.ALLOW,
        )
        for kind in (ResourceType.TOPIC, ResourceType.GROUP)
    )
    async with Controller(
        controller_settings(tmp_path / "controller", default_replication=3)
    ) as controller:
        cluster = InProcessCluster(tmp_path, controller)
        cluster.settings.update(
            access=Access.ACLS,
            super_users=("admin",),
            users={"admin": hashlib.sha256(b"a").hexdigest()},
        )
        await cluster.start(1)
        await cluster.start(2)
        cluster.settings.update(BUDGET, disk_budget=BUDGET_BYTES // 2)
        await cluster.start(0)
        try:
            await cluster.joined()
            made = await cluster.ask(1, CreateAclsRequest(creations=entries), 3, user=admin)
            assert [each.error_code for each in made.results] == [0, 0]
            leaders = await create(cluster)
            await commit(cluster, RECORDS, *TOPICS)
            await fill(cluster, leaders)

            await cluster.until(lambda: held(cluster, 0) <= BUDGET_BYTES // 2)
            starts = {topic: cluster.log(0, topic).log_start_offset for topic in TOPICS}
            assert any(starts[topic] > 0 for topic in TOPICS if leaders[topic] != 0)
        finally:
            for node_id in list(cluster.brokers):
                await cluster.stop(node_id)
