"""Nodes come, are heard of no more, and go in order: what each means for who leads. Pure.

A node that registers is fenced until it has seen a state at least as new as its registration; so it
never leads by what an earlier life of it knew.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from broker_core.errors import (
    BrokerIdNotRegistered,
    DuplicateBrokerRegistration,
    InconsistentClusterId,
    StaleBrokerEpoch,
)
from broker_core.replication import election
from broker_core.replication.cluster_state import Node
from broker_core.replication.controller_state import ControllerState, Registration


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A node that registers.

    Attributes:
        cluster_id: Empty: it has never been in a cluster.
        incarnation: Of its process.
        is_doubted: Its log may lack the end of what it acknowledged.
    """

    node_id: int
    cluster_id: str
    host: str
    port: int
    incarnation: UUID
    directory_id: UUID
    is_doubted: bool


def registered(state: ControllerState, newcomer: Newcomer) -> ControllerState:
    """Take a node in; what an earlier life of it led goes to others.

    Raises:
        InconsistentClusterId: It belongs to another cluster.
        DuplicateBrokerRegistration: A node of that id with another data directory is alive.
    """
    cluster = state.cluster
    node_id = newcomer.node_id
    if newcomer.cluster_id not in ("", cluster.cluster_id):
        raise InconsistentClusterId(f"{newcomer.cluster_id!r}, but this is {cluster.cluster_id!r}")
    known = state.registrations.get(node_id)
    is_other_disk = known is not None and known.directory_id != newcomer.directory_id
    if is_other_disk and cluster.is_alive(node_id):
        raise DuplicateBrokerRegistration(f"node {node_id} is alive and has another directory")
    if is_other_disk:
        state = state.each_partition(lambda each: election.emptied(each, node_id))
    elif newcomer.is_doubted:
        state = state.each_partition(lambda each: election.doubted(each, node_id))
    node = Node(
        node_id=node_id,
        host=newcomer.host,
        port=newcomer.port,
        epoch=cluster.version + 1,
        fenced=True,
    )
    registration = Registration(
        incarnation=newcomer.incarnation, directory_id=newcomer.directory_id
    )
    state = replace(state, registrations={**state.registrations, node_id: registration})
    return _with_node(state, node)


def check_epoch(state: ControllerState, node_id: int, epoch: int) -> Node:
    """Return the node that a request comes from.

    Raises:
        BrokerIdNotRegistered: The controller knows no such node.
        StaleBrokerEpoch: The node registered anew since.
    """
    node = state.cluster.nodes.get(node_id)
    if node is None:
        raise BrokerIdNotRegistered(f"node {node_id} has never registered")
    if node.epoch != epoch:
        raise StaleBrokerEpoch(f"epoch {epoch}, but node {node_id} has {node.epoch}")
    return node


def unfenced(state: ControllerState, node_id: int) -> ControllerState:
    """Let a node lead, and every partition that only waited for it."""
    return _with_node(state, replace(state.cluster.nodes[node_id], fenced=False))


def fenced(state: ControllerState, *node_ids: int) -> ControllerState:
    """Let nodes lead no more: they are not heard of, or shut down."""
    for node_id in node_ids:
        nodes = {
            **state.cluster.nodes,
            node_id: replace(state.cluster.nodes[node_id], fenced=True),
        }
        state = replace(state, cluster=replace(state.cluster, nodes=nodes))
    return _settled(state)


def after_start(state: ControllerState, boot_id: str) -> ControllerState:
    """Return what a controller that starts takes for granted.

    If the machine was started anew since the last decision, every node that was alive then went
    down with it, without a chance to write what it had in memory.
    """
    if boot_id in ("", state.boot_id):
        return state
    went_down = bool(state.boot_id)
    state = replace(state, boot_id=boot_id)
    if not went_down:
        return state
    state = state.each_partition(election.after_reboot)
    return fenced(state, *state.alive)


def with_preferred_leaders(state: ControllerState) -> ControllerState:
    """Let the first replica lead wherever it can."""
    alive = state.alive
    return state.each_partition(lambda each: election.preferred(each, alive))


def _with_node(state: ControllerState, node: Node) -> ControllerState:
    nodes = {**state.cluster.nodes, node.node_id: node}
    return _settled(replace(state, cluster=replace(state.cluster, nodes=nodes)))


def _settled(state: ControllerState) -> ControllerState:
    alive = state.alive
    return state.each_partition(lambda each: election.settled(each, alive))
