"""What goes when all partitions together take more than the box may give: oldest first. Pure.

Segments go across partitions in the order of their age, each only with all before it in its own
partition. What never goes: the segment that is written to, internal topics, compacted topics,
and whatever a protected group has not read. If that does not suffice, segments that
are written to and have been read to their end may be sealed, so that they can go next.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from broker_core.log.retention import SealedSegment

Where = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """One partition, as far as the budget goes.

    Attributes:
        sealed: Its sealed segments, oldest first.
        active_bytes: Size of the segment that is written to.
        active_newest_ms: When that was last written to.
        end_offset: Where it ends.
        keep_from: First offset that somebody has not read yet; None if nobody must.
        may_shrink: Whether anything of it may go at all.
    """

    where: Where
    sealed: Sequence[SealedSegment]
    active_bytes: int
    active_newest_ms: int
    end_offset: int
    keep_from: int | None
    may_shrink: bool

    @property
    def size_bytes(self) -> int:
        """Of all its segments."""
        return self.active_bytes + sum(segment.size_bytes for segment in self.sealed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do.

    Attributes:
        log_starts: Where partitions are to start; those before go.
        seals: Partitions whose written segment is to be sealed, oldest first.
        over_bytes: By how much the budget is exceeded after all that has gone; 0 if it is not.
    """

    log_starts: Mapping[Where, int] = field(default_factory=dict)
    seals: Sequence[Where] = ()
    over_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one protected group has come.

    Attributes:
        committed: Offset by topic and partition.
        topics: Topics that its members read, whether it has committed there or not.
    """

    committed: Mapping[Where, int]
    topics: frozenset[str]


def keep_from(where: Where, groups: Iterable[Progress]) -> int | None:
    """Return the first offset that a group has still to read; None if no group reads the topic.

    A group reads a topic if a member says so or it has committed for any partition of it; where it
    has not committed it has read nothing.
    """
    topic, _ = where
    unread = [
        group.committed.get(where, 0)
        for group in groups
        if topic in group.topics or any(topic == committed for committed, _ in group.committed)
    ]
    return min(unread, default=None)


def decide(partitions: Sequence[Occupancy], *, budget_bytes: int) -> Decision:
    """Say what goes so that no more than ``budget_bytes`` are taken, as far as that is possible.

    >>> old, new = SealedSegment(10, 60, 1000), SealedSegment(20, 60, 3000)
    >>> decide([Occupancy(where=("a", 0), sealed=[old, new], active_bytes=10, active_newest_ms=4000,
    ...                   end_offset=21, keep_from=15, may_shrink=True)], budget_bytes=50)
    Decision(log_starts={('a', 0): 10}, seals=(), over_bytes=20)
    """
    over = sum(partition.size_bytes for partition in partitions) - budget_bytes
    starts: dict[Where, int] = {}
    queue = [
        (partition.sealed[0].newest_ms, number, 0)
        for number, partition in enumerate(partitions)
        if partition.sealed and partition.may_shrink
    ]
    heapq.heapify(queue)
    while over > 0 and queue:
        _, number, position = heapq.heappop(queue)
        partition = partitions[number]
        segment = partition.sealed[position]
        if partition.keep_from is not None and segment.next_offset > partition.keep_from:
            continue  # neither this one nor any after it
        over -= segment.size_bytes
        starts[partition.where] = segment.next_offset
        if position + 1 < len(partition.sealed):
            heapq.heappush(queue, (partition.sealed[position + 1].newest_ms, number, position + 1))
    return Decision(log_starts=starts, seals=_seals(partitions, over), over_bytes=max(0, over))


def _seals(partitions: Sequence[Occupancy], over: int) -> Sequence[Where]:
    """Written segments that are read to their end, oldest first, until they would suffice."""
    read = [
        partition
        for partition in partitions
        if partition.may_shrink
        and partition.active_bytes
        and (partition.keep_from is None or partition.keep_from >= partition.end_offset)
    ]
    seals = []
    for partition in sorted(read, key=lambda one: one.active_newest_ms):
        if over <= 0:
            break
        over -= partition.active_bytes
        seals.append(partition.where)
    return tuple(seals)
