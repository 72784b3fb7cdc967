"""A log directory in a test: batches, a clock turned by hand, and the crash of a process."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.compression import Codec
from broker_core.protocol.control_record import Marker, decode_marker
from broker_core.protocol.record_batch import Record, build_batch, read_batches, read_records
from broker_core.settings import LogSettings

NOON_MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC


class TurnedClock:
    """A clock that stands still until it is turned."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self._now_ms

    def turn(self, milliseconds: int) -> None:
        """Let time pass."""
        self._now_ms += milliseconds


def batch(
    *values: bytes,
    keys: Sequence[bytes | None] | None = None,
    timestamps: Sequence[int] | None = None,
    codec: Codec = Codec.NONE,
    producer_id: int = -1,
    epoch: int = -1,
    sequence: int = -1,
    transactional: bool = False,
) -> bytes:
    """A record batch as a producer sends it: one record per value."""
    times = timestamps or [NOON_MS] * len(values)
    records = [
        Record(number, time, None if keys is None else keys[number], value)
        for number, (value, time) in enumerate(zip(values, times, strict=True))
    ]
    return build_batch(
        records,
        codec=codec,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
        transactional=transactional,
    )


def marker(producer_id: int, *, committed: bool, epoch: int = 0, coordinator: int = 0) -> Marker:
    """The end of a producer's transaction."""
    return Marker(
        producer_id=producer_id,
        producer_epoch=epoch,
        committed=committed,
        coordinator_epoch=coordinator,
    )


def open_directory(
    path: Path, clock: TurnedClock | None = None, **settings: object
) -> LogDirectory:
    """A log directory with small segments, so that a test sees many."""
    return LogDirectory(path, LogSettings.model_validate(settings), clock or TurnedClock())


def sync(log: PartitionLog) -> None:
    """Do what a round of the group commit does, at once."""
    flush = log.begin_flush()
    flush.run()
    log.finish_flush(flush)


def read_all(log: PartitionLog, start: int | None = None) -> list[Record]:
    """Every record a reader sees, read in small pieces."""
    offset = log.log_start_offset if start is None else start
    found: list[Record] = []
    while offset < log.high_watermark:
        data = log.read(offset, 512)
        assert data, f"nothing at offset {offset}, below {log.high_watermark}"
        for at, header in read_batches(data):
            found += [one for one in read_records(data, at) if one.offset >= offset]
            last = header.last_offset
        offset = last + 1
    return found


def read_committed(log: PartitionLog, max_bytes: int = 512) -> list[Record]:
    """Every record a read_committed consumer hands on, filtered as Kafka's own does it.

    A batch is skipped between the first offset of an aborted transaction of its producer and that
    producer's next abort marker.
    """
    offset = log.log_start_offset
    found: list[Record] = []
    while offset < log.last_stable_offset:
        data = log.read(offset, max_bytes, committed=True)
        assert data, f"nothing at offset {offset}, below {log.last_stable_offset}"
        to_come = sorted(log.aborted_in(offset, data), key=lambda one: one.first_offset)
        aborting: set[int] = set()
        for at, header in read_batches(data):
            while to_come and to_come[0].first_offset <= header.last_offset:
                aborting.add(to_come.pop(0).producer_id)
            if header.is_control:
                if not decode_marker(data[at : at + header.size], 0, 0).committed:
                    aborting.discard(header.producer_id)
            elif not (header.is_transactional and header.producer_id in aborting):
                found += [one for one in read_records(data, at) if one.offset >= offset]
            last = header.last_offset
        offset = last + 1
    return found


def values(log: PartitionLog) -> list[bytes | None]:
    """Every record's value."""
    return [record.value for record in read_all(log)]


def topic(logs: LogDirectory, config: Mapping[str, str] | None = None) -> PartitionLog:
    """A new topic's only partition."""
    logs.create_topic("events", 1, config or {})
    log = logs.get("events", 0)
    assert log is not None
    return log


def reopened(logs: LogDirectory) -> PartitionLog:
    """The only partition of that topic, in a directory opened again."""
    log = logs.get("events", 0)
    assert log is not None
    return log
