"""Which whole segments may go, by age and by size. Pure.

Segments go oldest first and only together with all before them, so retention is one number: where
the log is to start. The segment that is written to never goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from broker_core.log.topic_config import UNLIMITED, LogConfig


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """What retention must know of a segment.

    Attributes:
        next_offset: Where the log starts once it is gone.
        size_bytes: Of its log file.
        newest_ms: When its newest record happened, but no later than it was written: a producer
            with a clock in the future cannot keep a segment for ever.
    """

    next_offset: int
    size_bytes: int
    newest_ms: int


@dataclass(frozen=True, slots=True)
class Removal:
    """How many of the oldest segments may go, and why.

    Attributes:
        log_start_offset: Where the log starts then; None if nothing may go.
    """

    by_age: int
    by_size: int
    log_start_offset: int | None


def decide(
    sealed: Sequence[SealedSegment], *, active_bytes: int, config: LogConfig, now_ms: int
) -> Removal:
    """Say which of ``sealed`` (oldest first) may go.

    >>> config = LogConfig(segment_bytes=100, segment_ms=10, retention_ms=1000,
    ...                    retention_bytes=250, max_message_bytes=100)
    >>> sealed = [SealedSegment(10, 100, 500), SealedSegment(20, 100, 1900),
    ...           SealedSegment(30, 100, 1990)]
    >>> decide(sealed, active_bytes=60, config=config, now_ms=2000)
    Removal(by_age=1, by_size=1, log_start_offset=20)
    """
    if not config.is_deleted_by_retention:
        return Removal(0, 0, None)
    by_age = 0
    if config.retention_ms != UNLIMITED:
        while by_age < len(sealed) and now_ms - sealed[by_age].newest_ms > config.retention_ms:
            by_age += 1
    kept = sealed[by_age:]
    by_size = 0
    if config.retention_bytes != UNLIMITED:
        total_bytes = active_bytes + sum(segment.size_bytes for segment in kept)
        while by_size < len(kept) and total_bytes > config.retention_bytes:
            total_bytes -= kept[by_size].size_bytes
            by_size += 1
    removed = by_age + by_size
    return Removal(by_age, by_size, sealed[removed - 1].next_offset if removed else None)
