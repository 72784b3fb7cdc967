"""Offsets that were committed in transactions whose fate is open. Pure.

They count once their transaction is committed, and then only if nothing later was committed for
the same partition meanwhile: the order is that of their records.
"""

from collections.abc import Iterator
from typing import NamedTuple

from broker_core.coordinator.offset_records import CommittedOffset, OffsetKey


class PendingOffset(NamedTuple):
    """One of them, and where its record lies."""

    key: OffsetKey
    committed: CommittedOffset
    log_offset: int


class PendingOffsets:
    """What waits for a marker, by partition of ``__consumer_offsets`` and producer id."""

    def __init__(self) -> None:
        self._pending: dict[tuple[int, int], dict[OffsetKey, PendingOffset]] = {}

    def add(self, shard: int, producer_id: int, offset: PendingOffset) -> None:
        """Take note of an offset; a later one of the same transaction replaces it."""
        self._pending.setdefault((shard, producer_id), {})[offset.key] = offset

    def end(self, shard: int, producer_id: int) -> Iterator[PendingOffset]:
        """Return the offsets of a transaction that has got its marker; they wait no longer."""
        return iter(self._pending.pop((shard, producer_id), {}).values())

    def forget(self, key: OffsetKey) -> None:
        """Drop what waits for a partition whose offset is forgotten."""
        for offsets in self._pending.values():
            offsets.pop(key, None)

    def unload(self, shard: int) -> None:
        """Forget what waits in a partition."""
        self._pending = {key: found for key, found in self._pending.items() if key[0] != shard}

    def of_group(self, group: str) -> set[tuple[str, int]]:
        """The partitions for which a group's offset is not settled."""
        return {
            (key.topic, key.partition)
            for offsets in self._pending.values()
            for key in offsets
            if key.group == group
        }
