"""Offsets that wait for the fate of a transaction."""

from broker_core.coordinator.offset_records import CommittedOffset, OffsetKey
from broker_core.coordinator.pending_offsets import PendingOffset, PendingOffsets


def pending(group: str, partition: int, log_offset: int) -> PendingOffset:
    committed = CommittedOffset(log_offset * 10, -1, "", 0)
    return PendingOffset(OffsetKey(group, "t", partition), committed, log_offset)


def test_the_last_offset_of_each_partition_is_what_a_transaction_commits() -> None:
    offsets = PendingOffsets()
    for one in (pending("g", 0, 1), pending("g", 1, 2), pending("g", 0, 3)):
        offsets.add(0, 7, one)
    offsets.add(0, 8, pending("g", 0, 4))
    assert offsets.of_group("g") == {("t", 0), ("t", 1)}

    assert list(offsets.end(0, 7)) == [pending("g", 0, 3), pending("g", 1, 2)]

    assert offsets.of_group("g") == {("t", 0)}
    assert list(offsets.end(0, 7)) == []


def test_partitions_of_the_offsets_topic_are_told_apart() -> None:
    offsets = PendingOffsets()
    offsets.add(1, 7, pending("g", 0, 1))

    assert list(offsets.end(0, 7)) == []
    assert offsets.of_group("g") == {("t", 0)}
    assert offsets.of_group("other") == set()


def test_what_is_forgotten_does_not_come_back() -> None:
    offsets = PendingOffsets()
    offsets.add(0, 7, pending("g", 0, 1))

    offsets.forget(OffsetKey("g", "t", 0))

    assert list(offsets.end(0, 7)) == []
