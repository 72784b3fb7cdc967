"""Buffer: the records of one partition that are read but not yet stored, cut into batches. Pure.

A batch ends at a number of rows, of bytes, or by age. After a takeover the first batch is
exactly the range of the intent that was found, whatever its size.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.bus.consumer import Record
from pipeline.bus.position import TopicPartition
from pipeline.sinks.intent import Intent, deduplication_token

RECORD_OVERHEAD_BYTES = 400


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition that are stored together, in offset order; never empty."""

    partition: TopicPartition
    records: list[Record]

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return self.records[0].offset

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return self.records[-1].offset

    @property
    def token(self) -> str:
        """What the store knows it by."""
        return deduplication_token(
            self.partition.topic,
            self.partition.partition,
            self.first,
            self.last,
            self.records[0].timestamp_ms,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a batch is cut, and when reading must stop.

    Attributes:
        rows: Records in a batch, at most.
        size_bytes: Bytes of a batch, about.
        age_seconds: How long its first record may wait.
    """

    rows: int
    size_bytes: int
    age_seconds: float


class Buffer:
    """What waits of one partition.

    Args:
        partition: Which.
        limits: How it is cut.
        intent: The range that a former owner left; the first batch repeats it.
    """

    def __init__(
        self, partition: TopicPartition, *, limits: Limits, intent: Intent | None = None
    ) -> None:
        self.partition = partition
        self.repeating = intent
        self._limits = limits
        self._records: list[Record] = []
        self._arrivals: list[tuple[int, float]] = []  # end index of a read, when it came
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        return self._bytes

    @property
    def is_full(self) -> bool:
        """Whether reading should stop until a batch is cut; never while repeating."""
        if self.repeating is not None:
            return False
        limits = self._limits
        return len(self._records) >= 2 * limits.rows or self._bytes >= 2 * limits.size_bytes

    def add(self, records: list[Record], now: float) -> bool:
        """Take what was read, in order.

        Returns:
            Whether it follows on what was taken before. False: the log begins anew below it
            (a partition that was deleted and made again); what waited is forgotten.
        """
        follows = not self._records or records[0].offset > self._records[-1].offset
        if not follows:
            self._records, self._arrivals, self._bytes = [], [], 0
            self.repeating = None
        self._records += records
        self._arrivals.append((len(self._records), now))
        self._bytes += sum(map(_size, records))
        return follows

    def due_at(self) -> float | None:
        """When the next batch is due by age; None if nothing waits or it must be complete."""
        if not self._arrivals or self.repeating is not None:
            return None
        return self._arrivals[0][1] + self._limits.age_seconds

    def cut(self, now: float) -> Batch | None:
        """The next batch if one is due, and forget its records."""
        if not self._records:
            return None
        if self.repeating is not None:
            return self._cut_range(self.repeating.last)
        if not self._is_due(now):
            return None
        count = min(len(self._records), self._limits.rows)
        size = 0
        for index in range(count):
            size += _size(self._records[index])
            if size >= self._limits.size_bytes:
                count = index + 1
                break
        return self._take(count)

    def _is_due(self, now: float) -> bool:
        """Whether what waits fills a batch or is old enough for one."""
        limits = self._limits
        if len(self._records) >= limits.rows or self._bytes >= limits.size_bytes:
            return True
        due = self.due_at()
        return due is not None and due <= now

    def _cut_range(self, last: int) -> Batch | None:
        """The records up to ``last``, once it is sure that no more of them will come."""
        if self._records[-1].offset < last:
            return None
        self.repeating = None
        count = sum(record.offset <= last for record in self._records)
        return self._take(count) if count else None

    def _take(self, count: int) -> Batch:
        taken = self._records[:count]
        del self._records[:count]
        self._arrivals = list(self._later(count))
        self._bytes = self._bytes - sum(map(_size, taken)) if self._records else 0
        return Batch(self.partition, taken)

    def _later(self, count: int) -> Iterator[tuple[int, float]]:
        for end, arrival in self._arrivals:
            if end > count:
                yield end - count, arrival


def _size(record: Record) -> int:
    return len(record.value or b"") + RECORD_OVERHEAD_BYTES
