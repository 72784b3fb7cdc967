"""Who leads a partition, who is in sync, and who holds it next. Pure.

Every function takes a partition and returns what it becomes: the same object if nothing changes,
otherwise one with a higher partition epoch, and with a higher leader epoch if the leader changed.

Two rules carry everything else. Only a member of the in-sync set leads, because each of them holds
every acknowledged record. And the in-sync set never becomes empty by itself: when all of its
members are gone it stays as it was, since without a leader nothing is acknowledged that they could
miss; the first of them that comes back leads. (Unclean leaders are elected by an operator's request
only, and by nothing else.)

Kafka's own rules: KIP-497 (AlterPartition), KIP-455 (reassignment), KIP-966 (unclean shutdown).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from broker_core.errors import (
    FencedLeaderEpoch,
    IneligibleReplica,
    InvalidReplicaAssignment,
    InvalidRequest,
    InvalidUpdateVersion,
    UnknownLeaderEpoch,
)
from broker_core.replication.cluster_state import NO_LEADER, Node, Partition


def settled(partition: Partition, alive: Collection[int]) -> Partition:
    """Return the partition when exactly the nodes of ``alive`` may lead.

    Members of the in-sync set that are not alive leave it, as long as one is left. The leader stays
    if it can; otherwise the first replica in sync takes over, in the order of the assignment.
    """
    members = tuple(node for node in partition.isr if node in alive)
    if not members:
        return _changed(partition, leader=NO_LEADER)
    if partition.leader in members:
        return _changed(partition, isr=members)
    leader = next(node for node in partition.replicas if node in members)
    return _changed(partition, isr=members, leader=leader)


def preferred(partition: Partition, alive: Collection[int]) -> Partition:
    """Let the first replica lead, if it is in sync and alive."""
    first = partition.replicas[0]
    if first in partition.isr and first in alive:
        return _changed(partition, leader=first)
    return partition


def elected_uncleanly(partition: Partition, alive: Collection[int]) -> Partition:
    """Let any live replica lead an offline partition: what only lost replicas held is lost.

    Nothing changes where a member of the in-sync set can lead, or no replica is alive.
    """
    if not partition.is_offline or any(node in alive for node in partition.isr):
        return settled(partition, alive)
    leader = next((node for node in partition.replicas if node in alive), None)
    return partition if leader is None else _changed(partition, isr=(leader,), leader=leader)


def after_reboot(partition: Partition) -> Partition:
    """Return the partition after the whole machine went down while it had a leader.

    Only its leader is sure to have had on disk what it acknowledged: the others may have had it in
    memory alone. Nobody leads until that one is back.
    """
    if partition.is_offline:
        return partition
    return _changed(partition, isr=(partition.leader,), leader=NO_LEADER)


def doubted(partition: Partition, node: int) -> Partition:
    """Take a node out of the in-sync set whose log may lack its end, if others are left (KIP-966).

    The caller settles the partition afterwards.
    """
    others = tuple(member for member in partition.isr if member != node)
    return _changed(partition, isr=others) if others else partition


def emptied(partition: Partition, node: int) -> Partition:
    """Take a node out of the in-sync set that lost its disk, even if it is the last one.

    Then the partition stays offline until an operator elects a leader uncleanly: an empty log
    must not pass for what was acknowledged. The caller settles the partition afterwards.
    """
    return _changed(partition, isr=tuple(member for member in partition.isr if member != node))


def altered(
    partition: Partition,
    *,
    sender: int,
    leader_epoch: int,
    partition_epoch: int,
    isr: Sequence[tuple[int, int]],
    nodes: Mapping[int, Node],
) -> Partition:
    """Return the partition with the in-sync set that its leader asks for.

    Args:
        isr: Node ids, each with the node epoch that the leader knows.

    Raises:
        FencedLeaderEpoch: The sender was the leader once.
        UnknownLeaderEpoch: The sender knows a later leader than there is.
        InvalidUpdateVersion: The partition changed since the sender knew it.
        InvalidRequest: Not a set of replicas with the sender among them.
        IneligibleReplica: A member may not join as things stand.
    """
    if leader_epoch < partition.leader_epoch:
        raise FencedLeaderEpoch(f"epoch {leader_epoch}, but {partition.leader_epoch} leads")
    if leader_epoch > partition.leader_epoch:
        raise UnknownLeaderEpoch(f"epoch {leader_epoch}, but {partition.leader_epoch} leads")
    if partition_epoch != partition.partition_epoch:
        raise InvalidUpdateVersion(f"{partition_epoch}, but it is {partition.partition_epoch}")
    members = tuple(node for node, _ in isr)
    if sender != partition.leader or sender not in members or len(set(members)) < len(members):
        raise InvalidRequest(f"node {sender} asks for {members}, node {partition.leader} leads")
    for node, epoch in isr:
        if node not in partition.replicas:
            raise InvalidRequest(f"node {node} does not hold the partition")
        if nodes[node].fenced or nodes[node].epoch != epoch:
            raise IneligibleReplica(f"node {node} is fenced, or epoch {epoch} is not its own")
    return finished(_changed(partition, isr=members))


def reassigned(partition: Partition, target: tuple[int, ...]) -> Partition:
    """Begin to let the nodes of ``target`` hold the partition (KIP-455).

    Until those that come are in sync, those that go stay. A reassignment under way is replaced.

    Raises:
        InvalidReplicaAssignment: Nobody, somebody twice, or nobody in sync would be left.
    """
    if not target or len(set(target)) < len(target):
        raise InvalidReplicaAssignment(f"{target} is not a list of different nodes")
    before = _before(partition)
    adding = tuple(node for node in target if node not in before)
    removing = tuple(node for node in before if node not in target)
    replicas = target + removing
    return finished(_held_by(partition, replicas, adding=adding, removing=removing))


def cancelled(partition: Partition) -> Partition:
    """End a reassignment: those that were to come go, those that were to go stay.

    Raises:
        InvalidReplicaAssignment: None of those that stay is in sync.
    """
    return _held_by(partition, _before(partition))


def finished(partition: Partition) -> Partition:
    """End a reassignment whose new replicas are all in sync; otherwise change nothing."""
    remaining = tuple(node for node in partition.isr if node not in partition.removing)
    if not partition.is_reassigning or not remaining or set(partition.adding) - set(remaining):
        return partition
    replicas = tuple(node for node in partition.replicas if node not in partition.removing)
    return _held_by(partition, replicas)


def _before(partition: Partition) -> tuple[int, ...]:
    """Who holds the partition if the reassignment under way is left aside."""
    return tuple(node for node in partition.replicas if node not in partition.adding)


def _held_by(
    partition: Partition,
    replicas: tuple[int, ...],
    adding: tuple[int, ...] = (),
    removing: tuple[int, ...] = (),
) -> Partition:
    """Give the partition other replicas; a leader that is not among them hands over.

    Who is in sync and not the leader is alive while there is a leader, so anyone of them can lead.
    """
    isr = tuple(node for node in partition.isr if node in replicas)
    if not isr:
        raise InvalidReplicaAssignment(f"none of {replicas} is in sync")
    leader = partition.leader
    if leader != NO_LEADER and leader not in isr:
        leader = next(node for node in replicas if node in isr)
    return _changed(
        partition, replicas=replicas, isr=isr, leader=leader, adding=adding, removing=removing
    )


def _changed(partition: Partition, **values: Any) -> Partition:
    """Return the partition with other values, and with the epochs that follow from them."""
    changed = replace(partition, **values)
    if changed == partition:
        return partition
    leader_epoch = partition.leader_epoch + (changed.leader != partition.leader)
    epoch = partition.partition_epoch + 1
    return replace(changed, leader_epoch=leader_epoch, partition_epoch=epoch)
