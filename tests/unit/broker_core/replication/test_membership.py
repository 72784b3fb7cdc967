"""Nodes that register, fall silent and return."""

from dataclasses import replace
from uuid import UUID

import pytest

from broker_core.errors import (
    BrokerIdNotRegistered,
    DuplicateBrokerRegistration,
    InconsistentClusterId,
    StaleBrokerEpoch,
)
from broker_core.replication.cluster_state import ClusterState, Partition, Topic
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.membership import (
    Newcomer,
    after_start,
    check_epoch,
    fenced,
    registered,
    unfenced,
    with_preferred_leaders,
)


def newcomer(node: int, *, disk: int = 0, doubted: bool = False, cluster: str = "c") -> Newcomer:
    return Newcomer(
        node_id=node,
        cluster_id=cluster,
        host="h",
        port=node,
        incarnation=UUID(int=node),
        directory_id=UUID(int=10 * node + disk),
        is_doubted=doubted,
    )


def cluster_of(*nodes: int) -> ControllerState:
    """Nodes that are alive and one partition that all of them hold, led by the first."""
    state = ControllerState(cluster=ClusterState(version=1, cluster_id="c"), boot_id="today")
    for node in nodes:
        state = unfenced(registered(state, newcomer(node)), node)
    partition = Partition(
        topic="logs",
        topic_id=UUID(int=7),
        index=0,
        replicas=nodes,
        isr=nodes,
        leader=nodes[0],
        leader_epoch=0,
        partition_epoch=0,
    )
    topic = Topic(name="logs", topic_id=UUID(int=7), configs={}, partitions=(partition,))
    return state.with_topics({"logs": topic})


def test_a_node_is_fenced_when_it_registers_and_has_a_new_epoch() -> None:
    state = ControllerState(cluster=ClusterState(version=41, cluster_id="c"))

    node = registered(state, newcomer(1)).cluster.nodes[1]

    assert node.fenced
    assert node.epoch == 42


def test_a_process_that_replaces_another_leads_nothing_until_it_is_unfenced() -> None:
    again = registered(cluster_of(1, 2), newcomer(1))

    assert again.partition("logs", 0).leader == 2
    assert again.partition("logs", 0).isr == (2,)


def test_another_disk_under_a_live_nodes_id_is_refused_and_a_dead_ones_holds_nothing() -> None:
    state = cluster_of(1)

    with pytest.raises(DuplicateBrokerRegistration):
        registered(state, newcomer(1, disk=1))
    replaced = unfenced(registered(fenced(state, 1), newcomer(1, disk=1)), 1)
    assert replaced.partition("logs", 0).isr == ()
    assert replaced.partition("logs", 0).is_offline


def test_a_node_of_another_cluster_is_refused() -> None:
    with pytest.raises(InconsistentClusterId):
        registered(cluster_of(1), newcomer(2, cluster="d"))


def test_a_doubted_log_leaves_the_set_only_if_another_is_left() -> None:
    down = fenced(cluster_of(1, 2), 1, 2)

    doubted = registered(down, newcomer(1, doubted=True))

    assert doubted.partition("logs", 0).isr == (2,)
    assert registered(doubted, newcomer(2, doubted=True)).partition("logs", 0).isr == (2,)


def test_only_the_newest_life_of_a_node_is_heard() -> None:
    state = cluster_of(1)
    epoch = state.cluster.nodes[1].epoch

    assert check_epoch(state, 1, epoch) is state.cluster.nodes[1]
    with pytest.raises(StaleBrokerEpoch):
        check_epoch(state, 1, epoch - 1)
    with pytest.raises(BrokerIdNotRegistered):
        check_epoch(state, 2, epoch)


def test_a_start_on_the_same_boot_changes_nothing() -> None:
    state = cluster_of(1, 2)

    assert after_start(state, "today") is state
    assert after_start(state, "") is state


def test_after_a_reboot_nobody_is_alive_and_only_the_leader_is_trusted() -> None:
    state = after_start(cluster_of(1, 2), "tomorrow")

    assert not state.alive
    assert state.boot_id == "tomorrow"
    assert state.partition("logs", 0).isr == (1,)
    assert unfenced(state, 2).partition("logs", 0).is_offline
    assert unfenced(state, 1).partition("logs", 0).leader == 1


def test_the_first_start_of_all_only_notes_the_boot() -> None:
    state = replace(cluster_of(1), boot_id="")

    assert after_start(state, "today").partition("logs", 0).leader == 1


def test_leaders_go_back_where_they_belong() -> None:
    state = cluster_of(1, 2)
    [partition] = state.cluster.partitions()
    moved = state.with_partitions([replace(partition, leader=2)])

    assert with_preferred_leaders(moved).partition("logs", 0).leader == 1
    assert with_preferred_leaders(state) is state
