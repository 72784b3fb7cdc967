"""The policy at work on three nodes: each of them goes by it, and none lets anybody in before."""

import asyncio
import hashlib
from pathlib import Path

from broker_core.acl import Operation, PatternType, Permission, ResourceType
from broker_core.controller import Controller
from broker_core.errors import ErrorCode
from broker_core.policy.quota import PRODUCER_BYTE_RATE, USER
from broker_core.protocol.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    EntityData,
    EntryData,
    OpData,
)
from broker_core.protocol.messages.create_acls import AclCreation, CreateAclsRequest
from broker_core.protocol.messages.delete_acls import DeleteAclsFilter, DeleteAclsRequest
from broker_core.protocol.messages.describe_client_quotas import DescribeClientQuotasRequest
from broker_core.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from broker_core.replication.peer import Credentials
from broker_core.settings import Access
from tests.support.cluster_in_process import InProcessCluster, three_nodes
from tests.support.controller import controller_settings
from tests.support.ports import free_port

NODES = (0, 1, 2)
ADMIN, ADA = Credentials(name="admin", secret="a"), Credentials(name="ada", secret="b")
BY_ACLS = {
    "access": Access.ACLS,
    "super_users": ("admin",),
    "users": {each.name: hashlib.sha256(each.secret.encode()).hexdigest() for each in (ADMIN, ADA)},
}
ALLOW = AclCreation(
    resource_type=ResourceType.TOPIC,
    resource_name="*",
    resource_pattern_type=PatternType.LITERAL,
    principal="User:ada",
    host="*",
    operation=Operation.DESCRIBE,
    permission_type=Permission.ALLOW,
)
EVERYTHING = DeleteAclsFilter(
    resource_type_filter=ResourceType.ANY,
    resource_name_filter=None,
    pattern_type_filter=PatternType.ANY,
    principal_filter=None,
    host_filter=None,
    operation=Operation.ANY,
    permission_type=Permission.ANY,
)
QUOTAS = DescribeClientQuotasRequest(components=(), strict=False)


async def is_allowed(cluster: InProcessCluster, node_id: int) -> bool:
    """Whether ada may ask a node about a topic; the node need not lead it."""
    asked = ListOffsetsTopic(
        name="logs", partitions=(ListOffsetsPartition(partition_index=0, timestamp=-1),)
    )
    request = ListOffsetsRequest(replica_id=-1, topics=(asked,))
    answer = await cluster.ask(node_id, request, 1, user=ADA)
    code = answer.topics[0].partitions[0].error_code
    return bool(code != ErrorCode.TOPIC_AUTHORIZATION_FAILED)


async def soon(cluster: InProcessCluster, *, allowed: bool) -> None:
    """Return once every node goes by the newest policy."""
    for node_id in NODES:
        while await is_allowed(cluster, node_id) is not allowed:  # noqa: ASYNC110 # it is asked
            await asyncio.sleep(0.01)


async def test_entries_made_and_removed_on_any_node_count_there_at_once_and_soon_everywhere(
    tmp_path: Path,
) -> None:
    async with three_nodes(tmp_path, settings=BY_ACLS) as cluster, asyncio.timeout(60):
        for node_id in NODES:
            made = await cluster.ask(node_id, CreateAclsRequest(creations=(ALLOW,)), 3, user=ADMIN)
            assert made.results[0].error_code == 0
            assert await is_allowed(cluster, node_id)
            await soon(cluster, allowed=True)

            other = (node_id + 1) % 3
            gone = await cluster.ask(other, DeleteAclsRequest(filters=(EVERYTHING,)), 3, user=ADMIN)
            assert len(gone.filter_results[0].matching_acls) == 1
            assert not await is_allowed(cluster, other)
            await soon(cluster, allowed=False)


async def test_a_node_lets_nobody_in_before_it_knows_the_policy(tmp_path: Path) -> None:
    settings = controller_settings(tmp_path / "controller", port=free_port())
    quota = EntryData(
        entity=(EntityData(entity_type=USER, entity_name="ada"),),
        ops=(OpData(key=PRODUCER_BYTE_RATE, value=5.0, remove=False),),
    )
    async with Controller(settings) as controller:
        cluster = InProcessCluster(tmp_path, controller)
        await cluster.start(0)
        request = AlterClientQuotasRequest(entries=(quota,), validate_only=False)
        changed = await cluster.ask(0, request, 1)
        assert changed.entries[0].error_code == 0
        await cluster.stop(0)
    await cluster.start(0)  # there is nobody to ask
    asking = asyncio.create_task(cluster.ask(0, QUOTAS, 1))

    async with Controller(settings):
        answer = await asking
        await cluster.stop(0)

    assert answer.entries[0].values[0].value == 5.0
