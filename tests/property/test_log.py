"""A partition's log against a list of records, through syncs, crashes and torn files."""

import shutil
import tempfile
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from broker_core.errors import InvalidProducerEpoch, OffsetOutOfRange, OutOfOrderSequence
from broker_core.log.file_layout import RECOVERY_MARK
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.log.recovery_mark import RecoveryMark
from broker_core.protocol.compression import Codec
from tests.support.partition import (
    NOON_MS,
    TurnedClock,
    batch,
    open_directory,
    read_all,
    reopened,
    sync,
    topic,
    values,
)

CONFIG = {"segment.bytes": "1024"}
VALUES = st.lists(st.binary(max_size=120), min_size=1, max_size=4)
CODECS = st.sampled_from([Codec.NONE, Codec.LZ4, Codec.ZSTD])


@dataclass(frozen=True, slots=True)
class Kept:
    """A record of the model."""

    offset: int
    timestamp: int
    value: bytes


@dataclass(slots=True)
class Retry:
    """The last batch of an idempotent producer, and where it went."""

    data: bytes
    base_offset: int
    end_offset: int


class LogMachine(RuleBasedStateMachine):
    """Whatever is done to the log, readers see what the list says."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.clock = TurnedClock()
        self.records: list[Kept] = []
        self.start = 0
        self.durable = 0
        self.sequence = 0
        self.epoch = 0
        self.retry: Retry | None = None
        self.marks: list[bytes] = []

    @initialize()
    def make(self) -> None:
        self.logs = open_directory(
            self.path, self.clock, index_interval_bytes=200, recovery_mark_bytes=300
        )
        self.log = topic(self.logs, CONFIG)

    def teardown(self) -> None:
        self.logs.let_go()
        shutil.rmtree(self.path)

    @property
    def end(self) -> int:
        return self.records[-1].offset + 1 if self.records else 0

    def note(self, batch_values: list[bytes], times: list[int]) -> None:
        for value, time in zip(batch_values, times, strict=True):
            self.records.append(Kept(self.end, time, value))

    @rule(data=VALUES, codec=CODECS, lag_ms=st.lists(st.integers(-50, 50), min_size=4, max_size=4))
    def append(self, data: list[bytes], codec: Codec, lag_ms: list[int]) -> None:
        times = [self.clock.now_ms() + lag for lag in lag_ms[: len(data)]]

        result = self.log.append(batch(*data, timestamps=times, codec=codec))

        assert (result.base_offset, result.duplicate) == (self.end, False)
        self.note(data, times)

    @rule(data=VALUES)
    def idempotent(self, data: list[bytes]) -> None:
        self.append_idempotent(data)

    def append_idempotent(self, data: list[bytes]) -> None:
        sent = batch(*data, producer_id=7, epoch=self.epoch, sequence=self.sequence)

        result = self.log.append(sent)

        assert (result.base_offset, result.duplicate) == (self.end, False)
        self.note(data, [NOON_MS] * len(data))
        self.sequence += len(data)
        self.retry = Retry(sent, result.base_offset, self.end)

    @precondition(lambda self: self.retry is not None)
    @rule()
    def retry_is_recognised(self) -> None:
        assert self.retry is not None

        result = self.log.append(self.retry.data)

        assert result.duplicate
        assert result.base_offset == self.retry.base_offset

    @precondition(lambda self: self.retry is not None)
    @rule(gap=st.integers(1, 100))
    def gap_is_refused(self, gap: int) -> None:
        with pytest.raises(OutOfOrderSequence):
            self.log.append(
                batch(b"", producer_id=7, epoch=self.epoch, sequence=self.sequence + gap)
            )

    @precondition(lambda self: self.retry is not None)
    @rule()
    def new_epoch_fences_the_old(self) -> None:
        self.epoch += 1
        self.sequence = 0
        self.append_idempotent([b"first of an epoch"])
        with pytest.raises(InvalidProducerEpoch):
            self.log.append(batch(b"", producer_id=7, epoch=self.epoch - 1, sequence=0))

    @rule()
    def sync(self) -> None:
        sync(self.log)
        self.durable = self.end
        self.note_mark()

    @rule(milliseconds=st.integers(1, 100))
    def time_passes(self, milliseconds: int) -> None:
        self.clock.turn(milliseconds)

    @rule()
    def roll(self) -> None:
        self.log.roll()

    @rule(share=st.floats(0, 1))
    def truncate_before(self, share: float) -> None:
        offset = int(self.durable * share)
        self.start = max(self.start, offset)
        assert self.log.truncate_before(offset) == self.start
        self.sync()
        for segment in self.log.detach_below_start():
            segment.remove_files()

    @rule()
    def close_and_open(self) -> None:
        self.logs.close()
        self.open()
        self.durable = self.end

    @rule(
        keep=st.floats(0, 1), garbage=st.binary(max_size=80), hole=st.floats(0, 1), fate=st.data()
    )
    def crash(self, keep: float, garbage: bytes, hole: float, fate: st.DataObject) -> None:
        """Whatever was not synced is there in part, with holes, and torn; the mark may be older."""
        synced = {one.path: size_before(one.base_offset, self) for one in self.log.segments}
        sizes = {one.path: one.size for one in self.log.segments}
        self.logs.let_go()
        for path, size in sizes.items():
            with path.open("r+b") as file:
                left = int((size - synced[path]) * keep)
                file.truncate(synced[path] + left)
                file.seek(synced[path])
                file.write(bytes(int(left * hole)))
        with max(sizes).open("ab") as file:
            file.write(garbage)
        mark = self.log.directory / RECOVERY_MARK
        found = fate.draw(st.sampled_from([*self.marks, b""]))
        mark.write_bytes(found[: fate.draw(st.sampled_from([len(found), len(found) // 2]))])

        self.open()

        end = self.log.end_offset
        assert self.durable <= end <= self.end
        self.records = [one for one in self.records if one.offset < end]
        self.durable = end
        if self.retry is not None and self.retry.end_offset > end:
            self.epoch += 1
            self.sequence = 0
            self.append_idempotent([b"after losing what was not acknowledged"])

    def open(self) -> None:
        self.logs = open_directory(
            self.path, self.clock, index_interval_bytes=200, recovery_mark_bytes=300
        )
        self.log = reopened(self.logs)
        self.marks = []
        self.note_mark()

    def note_mark(self) -> None:
        """Remember every mark since the log was opened: none but the last need be on disk."""
        mark = self.log.directory / RECOVERY_MARK
        if mark.exists():
            self.marks.append(mark.read_bytes())

    @rule(share=st.floats(0, 1), max_bytes=st.integers(0, 2000))
    def read(self, share: float, max_bytes: int) -> None:
        offset = int(self.start + (self.durable - self.start) * share)

        data = self.log.read(offset, max_bytes)

        assert bool(data) == (offset < self.durable)
        if len(data) > max_bytes:
            assert int.from_bytes(data[8:12], "big") + 12 == len(data), "more than one batch"

    @rule(time_ms=st.integers(NOON_MS - 60, NOON_MS + 2_000))
    def look_up_a_time(self, time_ms: int) -> None:
        visible = [one for one in self.records if self.start <= one.offset < self.durable]
        first = next(
            ((one.offset, one.timestamp) for one in visible if one.timestamp >= time_ms), None
        )

        assert self.log.offset_for_time(time_ms) == first

    @invariant()
    def readers_see_what_is_durable(self) -> None:
        if not hasattr(self, "log"):
            return
        assert self.log.high_watermark == self.durable
        assert self.log.end_offset == self.end
        assert self.log.log_start_offset == self.start
        expected = [one for one in self.records if self.start <= one.offset < self.durable]
        found = [
            Kept(record.offset, record.timestamp, record.value or b"")
            for record in read_all(self.log)
        ]
        assert found == expected
        assert self.log.read(self.end, 100) == b""
        with pytest.raises(OffsetOutOfRange):
            self.log.read(self.end + 1, 100)


def size_before(base_offset: int, machine: LogMachine) -> int:
    """Bytes of a segment that hold durable records; the rest may be lost in a crash."""
    segment = next(one for one in machine.log.segments if one.base_offset == base_offset)
    if segment.next_offset <= machine.durable:
        return segment.size
    if segment.base_offset >= machine.durable:
        return 0
    return segment.position_of(machine.durable)


TestLogAgainstAList = LogMachine.TestCase
TestLogAgainstAList.settings = settings(max_examples=60, stateful_step_count=30)


def written(path: Path) -> tuple[LogDirectory, PartitionLog]:
    logs = open_directory(path, index_interval_bytes=200, recovery_mark_bytes=300)
    log = topic(logs, CONFIG)
    for number in range(40):
        log.append(
            batch(b"%d" % number * 20, producer_id=1, epoch=0, sequence=number),
        )
        if number % 7 == 0:
            sync(log)
    sync(log)
    return logs, log


@settings(max_examples=80)
@given(data=st.data(), closed=st.booleans())
def test_any_truncation_of_any_file_costs_no_more_than_the_records_in_it(
    data: st.DataObject, closed: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        logs, log = written(Path(name))
        before = values(log)
        if closed:
            logs.close()
        else:
            logs.let_go()
        files = sorted(path for path in log.directory.iterdir() if path.stat().st_size)
        path = data.draw(st.sampled_from(files))
        size = data.draw(st.integers(0, path.stat().st_size - 1))
        with path.open("r+b") as file:
            file.truncate(size)

        logs = open_directory(Path(name), index_interval_bytes=200, recovery_mark_bytes=300)

        found = read_all(reopened(logs))
        assert [before[record.offset] for record in found] == [record.value for record in found]
        intact = list(takewhile(lambda pair: pair[0] == pair[1].offset, enumerate(found)))
        if path.suffix == ".log":
            assert len(intact) >= int(path.stem), "nothing before the torn file is lost"
        else:
            assert len(found) == len(before), "indexes, snapshots and checkpoints are rebuilt"
        logs.close()


@settings(max_examples=40)
@given(data=st.data())
def test_a_flipped_bit_after_the_mark_never_reaches_a_reader(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        logs, log = written(Path(name))
        before = values(log)
        for _ in range(data.draw(st.integers(1, 3))):
            log.append(batch(b"not yet synced", producer_id=1, epoch=0, sequence=len(before)))
            before.append(b"not yet synced")
        path = log.segments[-1].path
        mark = RecoveryMark.read(log.directory)
        known = mark.size if mark and mark.base_offset == log.segments[-1].base_offset else 0
        logs.let_go()
        content = bytearray(path.read_bytes())
        position = data.draw(st.integers(known, len(content) - 1))
        content[position] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)

        logs = open_directory(Path(name), index_interval_bytes=200, recovery_mark_bytes=300)

        found = values(reopened(logs))
        assert found == before[: len(found)]
        assert len(found) >= int(path.stem)
        logs.close()
