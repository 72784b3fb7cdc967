"""A node's coordinators, opened in order: of all groups and transactions, or of those it leads.

A node that is alone reads what it knows before anything is asked. One of a cluster reads and
forgets the partitions of both internal topics as their leaders change. For the event loop.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from broker_core.clock import Clock
from broker_core.coordinator.cluster_coordinators import ClusterCoordinators
from broker_core.coordinator.cluster_markers import ClusterMarkers
from broker_core.coordinator.cluster_shards import ClusterShards
from broker_core.coordinator.deleted_topics import DeletedTopics
from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.markers import LocalMarkers
from broker_core.coordinator.offsets import OffsetStore
from broker_core.coordinator.producer_ids import ProducerIds
from broker_core.coordinator.shards import OwnShards
from broker_core.coordinator.transaction_registry import TransactionRegistry
from broker_core.coordinator.transaction_store import TransactionStore, make_topic
from broker_core.coordinator.verification import Verification
from broker_core.log.file_layout import CONSUMER_OFFSETS, TRANSACTION_STATE
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.replication.cluster_state import ClusterState
from broker_core.replication.node import ClusterNode
from broker_core.replication.replicas import Replicas
from broker_core.settings import BrokerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What coordinators stand on.

    Attributes:
        state: Tells the newest known state of the cluster.
        node: The node's part in a cluster; None: it is alone.
    """

    settings: BrokerSettings
    clock: Clock
    logs: LogDirectory
    commit: GroupCommit
    replicas: Replicas
    producer_ids: ProducerIds
    state: Callable[[], ClusterState]
    node: ClusterNode | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinators:
    """Who reads how far, whose transaction is open, and how transactions end."""

    groups: GroupRegistry
    markers: LocalMarkers
    transactions: TransactionRegistry
    verification: Verification


async def open_coordinators(ground: Ground, opened: AsyncExitStack) -> Coordinators:
    """Open them; each leaves with ``opened`` how it is closed again.

    Except groups: whoever waits for one is to be answered before anything else is closed.
    """
    node = ground.node
    if node is None:
        groups, offsets = await _own_groups(ground)
    else:
        groups, offsets = _cluster_groups(ground, node, opened)
    markers = LocalMarkers(ground.replicas, offsets)
    if node is None:
        transactions = await _own_transactions(ground, markers)
        verification = Verification(transactions)
    else:
        transactions = _cluster_transactions(ground, node, markers, opened)
        others = ClusterCoordinators(transactions, node.siblings, node_id=node.node_id)
        verification = Verification(others)
    opened.push_async_callback(transactions.close)
    return Coordinators(
        groups=groups, markers=markers, transactions=transactions, verification=verification
    )


async def _own_groups(ground: Ground) -> tuple[GroupRegistry, OffsetStore]:
    settings = ground.settings.groups
    offsets = await asyncio.to_thread(
        OffsetStore.open,
        ground.logs,
        ground.commit,
        ground.clock,
        partitions=settings.offsets_partitions,
    )
    groups = GroupRegistry(
        offsets, ground.logs, settings, ground.clock, topics=lambda: ground.state().topics
    )
    await groups.consumers.begin()
    return groups, offsets


def _cluster_groups(
    ground: Ground, node: ClusterNode, opened: AsyncExitStack
) -> tuple[GroupRegistry, OffsetStore]:
    shards = ClusterShards(CONSUMER_OFFSETS, node)
    offsets = OffsetStore(shards, ground.clock)
    groups = GroupRegistry(
        offsets,
        ground.logs,
        ground.settings.groups,
        ground.clock,
        exists=lambda topic, number: ground.state().partition(topic, number) is not None,
        topics=lambda: ground.state().topics,
    )
    shards.load, shards.unload = groups.load, groups.unload
    _follow(shards, node, opened)
    deleted = DeletedTopics(groups.forget_topic)
    node.link.subscribe(deleted.learn)
    opened.push_async_callback(deleted.close)
    return groups, offsets


async def _own_transactions(ground: Ground, markers: LocalMarkers) -> TransactionRegistry:
    settings = ground.settings.transactions
    count = await asyncio.to_thread(make_topic, ground.logs, settings.state_partitions)
    shards = OwnShards(TRANSACTION_STATE, ground.replicas, count)
    transactions = TransactionRegistry(
        TransactionStore(shards, ground.clock),
        markers,
        ground.producer_ids,
        settings,
        ground.clock,
    )
    for shard in range(count):
        await transactions.load(shards.replica(shard))
    return transactions


def _cluster_transactions(
    ground: Ground, node: ClusterNode, markers: LocalMarkers, opened: AsyncExitStack
) -> TransactionRegistry:
    shards = ClusterShards(TRANSACTION_STATE, node)
    transactions = TransactionRegistry(
        TransactionStore(shards, ground.clock),
        ClusterMarkers(markers, node.siblings, node_id=node.node_id),
        ground.producer_ids,
        ground.settings.transactions,
        ground.clock,
    )
    shards.load, shards.unload = transactions.load, transactions.unload
    _follow(shards, node, opened)
    return transactions


def _follow(shards: ClusterShards, node: ClusterNode, opened: AsyncExitStack) -> None:
    """Load and unload them as leaders change."""
    node.subscribe(shards.refresh)
    opened.push_async_callback(shards.close)
    shards.refresh()
