"""Spreading new partitions over nodes."""

from collections import Counter
from uuid import UUID

import pytest

from broker_core.replication.cluster_state import Partition
from broker_core.replication.placement import placed


def partition(replicas: tuple[int, ...]) -> Partition:
    return Partition(
        topic="logs",
        topic_id=UUID(int=1),
        index=0,
        replicas=replicas,
        isr=replicas,
        leader=replicas[0],
        leader_epoch=0,
        partition_epoch=0,
    )


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_leaders_and_copies_are_spread_evenly(copies: int) -> None:
    assignment = placed(12, copies, nodes=[3, 1, 2], existing=[])

    assert all(len(set(replicas)) == copies for replicas in assignment)
    assert Counter(replicas[0] for replicas in assignment) == {1: 4, 2: 4, 3: 4}
    held = Counter(node for replicas in assignment for node in replicas)
    assert max(held.values()) - min(held.values()) <= 1


def test_whoever_leads_least_leads_next() -> None:
    assert placed(1, 1, nodes=[1, 2], existing=[partition((1,))]) == [(2,)]


def test_when_a_leader_dies_the_others_share_what_it_led() -> None:
    assignment = placed(12, 3, nodes=[1, 2, 3], existing=[])

    heirs = Counter(second for first, second, _ in assignment if first == 1)
    assert set(heirs) == {2, 3}
