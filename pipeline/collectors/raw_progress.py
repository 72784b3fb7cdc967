"""How far a ``raw.*`` partition has been carried, and where to look for what was carried since.

Committed beside the offset, as the metadata of the group's commit: which partition of the events
topic this raw partition is written to, and an offset in it before which nothing lies that the
commit does not cover. After a crash only what follows that offset has to be read to know exactly
what was published but not committed. Pure.
"""

from zlib import crc32

import msgspec

ORIGIN_HEADER = "origin"
"""Header of an event's record: ``topic:partition:offset`` of the raw record it was made of."""


class RawProgress(msgspec.Struct, frozen=True):
    """What the metadata of a commit says.

    >>> RawProgress.read(RawProgress(target=3, after=120).text())
    RawProgress(target=3, after=120)

    Attributes:
        target: Partition of the events topic that is written to.
        after: Offset in it; raw records from the committed one on lie at or after it.
    """

    target: int
    after: int

    def text(self) -> str:
        """As it is committed."""
        return f"1 {self.target} {self.after}"

    @staticmethod
    def read(text: str) -> "RawProgress | None":
        """What was committed; None for what is not ours, such as a reset by an operator."""
        parts = text.split(" ")
        if len(parts) != 3 or parts[0] != "1":
            return None
        if not all(part.isascii() and part.isdigit() and len(part) < 20 for part in parts):
            return None
        return RawProgress(int(parts[1]), int(parts[2]))


def target_partition(topic: str, partition: int, count: int) -> int:
    """Which of ``count`` partitions of the events topic a raw partition is written to.

    >>> target_partition("raw.json", 0, 6), target_partition("raw.json", 1, 6)
    (4, 5)
    """
    return (crc32(topic.encode()) + partition) % count


def origin(topic: str, partition: int, offset: int) -> bytes:
    """The value of the origin header."""
    return f"{topic}:{partition}:{offset}".encode()


def origin_offset(value: bytes, topic: str, partition: int) -> int | None:
    """The offset in an origin header that names this raw partition; None for any other.

    >>> origin_offset(origin("raw.json", 1, 42), "raw.json", 1)
    42
    """
    prefix = f"{topic}:{partition}:".encode()
    number = value.removeprefix(prefix)
    if number == value or not number.isdigit():
        return None
    return int(number)
