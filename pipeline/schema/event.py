"""Event: one thing that happened, as it flows from a collector to the store.

``msgspec.Struct`` instead of a frozen dataclass, because one is made and read for every
message: construction and decoding cost a quarter (docs/decisions/0002). It is as frozen.
"""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

import msgspec

Scalar = str | int | float | bool
Value = Scalar | list[Scalar]


class Kind(StrEnum):
    """What an event tells of; each kind has a topic and a table of its own."""

    LOG = "log"
    METRIC = "metric"
    CLICK = "click"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One log line, metric sample or click.

    Attributes:
        id: Given once, by the first collector: a UUID in its 36-character form, which alerts
            and permalinks name.
        kind: Log line, metric sample or click.
        time: When it happened, by the sender's clock, with a time zone.
        observed_time: When we received it, by our clock, in UTC.
        source: Collector and sender, for example ``syslog:10.0.0.7``.
        fields: Names from the field dictionary or the source's own; nested names are dotted.
        raw: The message as received, for evidence; empty for metric samples.
    """

    id: str
    kind: Kind
    time: datetime
    observed_time: datetime
    source: str
    fields: Mapping[str, Value]
    raw: bytes = b""


class EventIds:
    """Makes event ids: version 7 UUIDs (RFC 9562, §5.7), so that ids sort by time.

    Args:
        clock_ns: Nanoseconds since the epoch.
        randomness: Gives that many random bytes; drawn in blocks, because a call costs more
            than an id.
    """

    def __init__(
        self, clock_ns: Callable[[], int], randomness: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._clock_ns = clock_ns
        self._randomness = randomness
        self._pool = ""
        self._used = 0

    def next(self) -> str:
        """An id that no other call anywhere returns, by 74 random bits in a millisecond."""
        if self._used == len(self._pool):
            self._pool, self._used = self._randomness(19 * 512).hex(), 0
        random = self._pool[self._used : self._used + 19]
        self._used += 19
        stamp = f"{self._clock_ns() // 1_000_000:012x}"
        variant = "89ab"[int(random[18], 16) & 3]
        return f"{stamp[:8]}-{stamp[8:]}-7{random[:3]}-{variant}{random[3:6]}-{random[6:18]}"


def derived_event_id(cluster: str, topic: str, partition: int, offset: int) -> str:
    """The id of a record that others produced: a function of where it first lay.

    A version 8 UUID (RFC 9562, §5.8), so a record parsed twice is the same event.
    """
    digest = sha256(f"{cluster}\0{topic}\0{partition}\0{offset}".encode()).digest()
    return str(uuid8(digest))


def uuid8(digest: bytes) -> UUID:
    """The first 16 bytes of a digest with version 8 and the RFC 9562 variant set."""
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | (8 << 76)
    return UUID(int=number & ~(0x3 << 62) | (0x2 << 62))
