"""Single decisions about who leads; sequences of them are in tests/property/test_election.py."""

from dataclasses import replace
from uuid import UUID

import pytest

from broker_core.errors import (
    FencedLeaderEpoch,
    IneligibleReplica,
    InvalidReplicaAssignment,
    InvalidRequest,
    InvalidUpdateVersion,
    UnknownLeaderEpoch,
)
from broker_core.replication.cluster_state import NO_LEADER, Node, Partition
from broker_core.replication.election import (
    after_reboot,
    altered,
    cancelled,
    doubted,
    elected_uncleanly,
    emptied,
    finished,
    preferred,
    reassigned,
    settled,
)

PARTITION = Partition(
    topic="logs",
    topic_id=UUID(int=7),
    index=0,
    replicas=(1, 2, 3),
    isr=(1, 2, 3),
    leader=1,
    leader_epoch=5,
    partition_epoch=9,
)
OFFLINE = replace(PARTITION, isr=(2,), leader=NO_LEADER)
NODES = {
    node: Node(node_id=node, host="h", port=node, epoch=10 * node, fenced=node == 4)
    for node in (1, 2, 3, 4)
}


def ask(partition: Partition, isr: list[tuple[int, int]], **values: int) -> Partition:
    asked = {"sender": 1, "leader_epoch": 5, "partition_epoch": 9, **values}
    return altered(partition, isr=isr, nodes=NODES, **asked)


def test_the_next_replica_in_sync_takes_over() -> None:
    after = settled(PARTITION, {2, 3})

    assert (after.leader, after.isr) == (2, (2, 3))
    assert (after.leader_epoch, after.partition_epoch) == (6, 10)


def test_a_follower_that_goes_leaves_the_set_and_the_leader_its_epoch() -> None:
    after = settled(PARTITION, {1, 3})

    assert (after.leader, after.isr) == (1, (1, 3))
    assert (after.leader_epoch, after.partition_epoch) == (5, 10)


def test_nothing_changes_while_all_are_alive() -> None:
    assert settled(PARTITION, {1, 2, 3, 4}) is PARTITION


def test_a_replica_that_is_not_in_sync_never_leads() -> None:
    after = settled(replace(PARTITION, isr=(1,)), {2, 3})

    assert after.is_offline
    assert after.isr == (1,)


def test_when_all_are_gone_the_set_stays_and_the_first_to_return_leads() -> None:
    gone = settled(PARTITION, set())
    back = settled(gone, {3})

    assert (gone.leader, gone.isr) == (NO_LEADER, (1, 2, 3))
    assert (back.leader, back.isr) == (3, (3,))
    assert back.leader_epoch == 7


def test_after_a_power_cut_only_the_leader_of_then_is_trusted() -> None:
    down = after_reboot(PARTITION)

    assert (down.leader, down.isr) == (NO_LEADER, (1,))
    assert settled(down, {2, 3}).is_offline
    assert after_reboot(OFFLINE) is OFFLINE


def test_a_doubted_log_leaves_the_set_unless_it_is_the_last_one() -> None:
    assert doubted(PARTITION, 2).isr == (1, 3)
    assert doubted(OFFLINE, 2) is OFFLINE
    assert doubted(OFFLINE, 3) is OFFLINE


def test_an_empty_disk_never_passes_for_what_was_acknowledged() -> None:
    empty = emptied(OFFLINE, 2)

    assert empty.isr == ()
    assert settled(empty, {1, 2, 3}).is_offline


def test_an_operator_may_elect_uncleanly_but_only_where_nobody_in_sync_is_left() -> None:
    after = elected_uncleanly(OFFLINE, {1, 3})

    assert (after.leader, after.isr) == (1, (1,))
    assert elected_uncleanly(PARTITION, {1, 2, 3}) is PARTITION
    assert elected_uncleanly(OFFLINE, {2, 3}).leader == 2
    assert elected_uncleanly(OFFLINE, {4}) is OFFLINE


def test_the_preferred_replica_leads_once_it_is_in_sync_and_alive() -> None:
    other = replace(PARTITION, leader=2)

    assert preferred(other, {1, 2, 3}).leader == 1
    assert preferred(other, {2, 3}) is other
    assert preferred(replace(other, isr=(2, 3)), {1, 2, 3}).leader == 2


def test_a_leader_changes_its_in_sync_set_by_compare_and_swap() -> None:
    after = ask(PARTITION, [(1, 10), (3, 30)])

    assert after.isr == (1, 3)
    assert (after.leader_epoch, after.partition_epoch) == (5, 10)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"leader_epoch": 4}, FencedLeaderEpoch),
        ({"leader_epoch": 6}, UnknownLeaderEpoch),
        ({"partition_epoch": 8}, InvalidUpdateVersion),
        ({"sender": 2}, InvalidRequest),
    ],
)
def test_who_does_not_lead_or_knows_something_old_is_refused(
    values: dict[str, int], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(PARTITION, [(1, 10), (2, 20)], **values)


@pytest.mark.parametrize(
    ("isr", "error"),
    [
        ([(2, 20), (3, 30)], InvalidRequest),  # without the leader
        ([(1, 10), (1, 10)], InvalidRequest),
        ([(1, 10), (5, 50)], InvalidRequest),  # holds nothing
        ([(1, 10), (2, 19)], IneligibleReplica),  # an earlier life of it
    ],
)
def test_a_set_that_cannot_be_is_refused(
    isr: list[tuple[int, int]], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(PARTITION, isr)


def test_a_fenced_node_may_not_join() -> None:
    with pytest.raises(IneligibleReplica):
        ask(replace(PARTITION, replicas=(1, 2, 4)), [(1, 10), (4, 40)])


def test_a_reassignment_waits_for_those_that_come() -> None:
    moving = reassigned(PARTITION, (4, 3))

    assert moving.replicas == (4, 3, 1, 2)
    assert (moving.adding, moving.removing) == ((4,), (1, 2))
    assert (moving.leader, moving.isr) == (1, (1, 2, 3))

    arrived = finished(replace(moving, isr=(1, 2, 3, 4)))

    assert arrived.replicas == (4, 3)
    assert (arrived.leader, arrived.isr) == (4, (3, 4))
    assert not arrived.is_reassigning
    assert arrived.leader_epoch == PARTITION.leader_epoch + 1


def test_only_another_order_is_done_at_once() -> None:
    after = reassigned(PARTITION, (3, 1, 2))

    assert after.replicas == (3, 1, 2)
    assert not after.is_reassigning
    assert after.leader == 1


def test_a_reassignment_that_is_ended_leaves_things_as_they_were() -> None:
    moving = reassigned(PARTITION, (4, 3))

    stayed = cancelled(replace(moving, isr=(1, 2, 3, 4), leader=4))

    assert stayed.isr == (1, 2, 3)
    assert set(stayed.replicas) == {1, 2, 3}
    assert stayed.leader in stayed.isr


@pytest.mark.parametrize("target", [(), (1, 1)])
def test_a_target_that_cannot_be_is_refused(target: tuple[int, ...]) -> None:
    with pytest.raises(InvalidReplicaAssignment):
        reassigned(PARTITION, target)


def test_nobody_in_sync_may_be_left_out_all_together() -> None:
    moving = replace(reassigned(PARTITION, (4, 3)), isr=(4,), leader=4)

    with pytest.raises(InvalidReplicaAssignment):
        cancelled(moving)
