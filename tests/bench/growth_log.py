"""A log of any size for benchmarks that takes little disk: real batches whose values are holes.

Every batch is whole and readable by any client, offset, index entry and CRC included: one record
whose value is zeros, of which the file system keeps none. So 50 GB take some hundred megabytes.
"""

import os
from pathlib import Path

import google_crc32c

from broker_core.clock import SystemClock
from broker_core.log import file_layout
from broker_core.log.checkpoint import CleanEnd, PartitionCheckpoint
from broker_core.log.log_directory import LogDirectory
from broker_core.log.open_files import OpenFiles
from broker_core.log.producer_state import ProducerState
from broker_core.log.recovery_mark import RecoveryMark
from broker_core.log.segment import Segment, SegmentIndexes
from broker_core.protocol.record_batch import (
    HEADER_BYTES,
    BatchHeader,
    Record,
    assign,
    build_batch,
    read_header,
)
from broker_core.settings import LogSettings

DEEP = "deep"  # one partition of many sealed segments
WIDE = "wide"  # many partitions, all of each in the segment that is written to
_DEEP_SHARE = 0.4
_BATCH_BYTES = 256 << 10
_REAL_BYTES = HEADER_BYTES + 32  # the header and the beginning of the record


def write_log(directory: Path, *, partitions: int, total_bytes: int) -> None:
    """Make a log directory of that many partitions and bytes, as an orderly close leaves it."""
    settings = LogSettings(retention_age=None)
    logs = LogDirectory(directory, settings, SystemClock())
    logs.create_topic(DEEP, 1, {"retention.ms": "-1"})
    wide = logs.create_topic(WIDE, partitions - 1, {"retention.ms": "-1", "segment.ms": "86400000"})
    logs.close()
    template = _Template(SystemClock().now_ms())
    deep_bytes = int(total_bytes * _DEEP_SHARE)
    _fill(directory / file_layout.partition_directory(DEEP, 0), deep_bytes, template, settings)
    for number in range(wide.partitions):
        path = directory / file_layout.partition_directory(WIDE, number)
        _fill(path, (total_bytes - deep_bytes) // wide.partitions, template, settings)


class _Template:
    """One batch, to be repeated at every offset."""

    def __init__(self, now_ms: int) -> None:
        batch = build_batch([Record(0, now_ms, None, bytes(_BATCH_BYTES))])
        assert not any(batch[_REAL_BYTES:])
        self.start = bytearray(batch[:_REAL_BYTES])
        self.header: BatchHeader = read_header(batch)
        assert self.header.crc == google_crc32c.value(batch[21:])

    def at(self, offset: int) -> bytearray:
        """Its beginning, where it is not zeros."""
        assign(self.start, 0, base_offset=offset, leader_epoch=0)
        return self.start


def _fill(directory: Path, total_bytes: int, template: _Template, settings: LogSettings) -> None:
    """Write the segments of one partition, their indexes and the checkpoint of a clean end."""
    size = template.header.size
    left, base = total_bytes // size, 0
    while True:
        count = min(left, settings.segment_bytes // size)
        _write_segment(directory, base, count, template, settings)
        left -= count
        if left == 0:
            break
        base += count
    PartitionCheckpoint(
        log_start_offset=0,
        recovery_point=base,
        clean_end=CleanEnd(
            end_offset=base + count, active_base_offset=base, active_bytes=count * size
        ),
    ).write(directory)
    for path in file_layout.segment_files(directory, file_layout.SNAPSHOT_SUFFIX):
        path.rename(directory / file_layout.snapshot_file(base + count))
    if count:
        segment = Segment(
            directory,
            base,
            files=OpenFiles(1),
            interval_bytes=settings.index_interval_bytes,
            size=count * size,
            next_offset=base + count,
        )
        RecoveryMark.of(segment, ProducerState()).write(directory)
        segment.forget_file()


def _write_segment(
    directory: Path, base: int, count: int, template: _Template, settings: LogSettings
) -> None:
    size = template.header.size
    indexes = SegmentIndexes(settings.index_interval_bytes)
    descriptor = os.open(
        directory / file_layout.log_file(base), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640
    )
    try:
        for number in range(count):
            os.pwrite(descriptor, template.at(base + number), number * size)
            indexes.add(number, number * size, template.header.max_timestamp)
        os.ftruncate(descriptor, count * size)
    finally:
        os.close(descriptor)
    offsets, times = indexes.encode(log_bytes=count * size)
    (directory / file_layout.offset_index_file(base)).write_bytes(offsets)
    (directory / file_layout.time_index_file(base)).write_bytes(times)
