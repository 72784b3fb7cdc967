"""Where a record lies: topic, partition, offset; and what a group committed for a partition.

``msgspec.Struct`` instead of frozen dataclasses, because a Position is made for every record
that is acknowledged (docs/decisions/0002). They are as frozen, and hashable.
"""

import msgspec


class Position(msgspec.Struct, frozen=True, gc=False):
    """Where one record lies in the log; changes when a log is mirrored."""

    topic: str
    partition: int
    offset: int


class TopicPartition(msgspec.Struct, frozen=True, gc=False, order=True):
    """One partition of a topic."""

    topic: str
    partition: int


class Committed(msgspec.Struct, frozen=True, gc=False):
    """What a group has committed for a partition.

    Attributes:
        offset: The next offset to read.
        metadata: Text that the committer left with it; the broker keeps it (4 KiB at most).
    """

    offset: int
    metadata: str = ""


class OffsetRange(msgspec.Struct, frozen=True, gc=False):
    """What a partition holds.

    Attributes:
        start: The log start offset: the first one that can still be read.
        end: The end offset: the one that the next record gets.
    """

    start: int
    end: int
