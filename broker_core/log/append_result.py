"""What became of a record batch that was appended to a log. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AppendResult:
    """Where a batch lies.

    Attributes:
        base_offset: Offset of its first record.
        last_offset: Offset of its last record; it is durable once the high watermark is larger.
        log_append_time_ms: The broker's time if the topic keeps that, else -1.
        log_start_offset: First offset of the log.
        duplicate: Whether it had been appended before; the offsets are those of then.
    """

    base_offset: int
    last_offset: int
    log_append_time_ms: int
    log_start_offset: int
    duplicate: bool

    @property
    def record_count(self) -> int:
        """How many records it has."""
        return self.last_offset - self.base_offset + 1
