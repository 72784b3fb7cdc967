"""A log with transactions against a list, through syncs, compaction, crashes and torn bytes."""

import asyncio
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from broker_core.errors import InvalidProducerEpoch, InvalidTxnState
from broker_core.log.cleaner import LogCleaner
from broker_core.log.group_commit import GroupCommit
from tests.support.partition import (
    TurnedClock,
    batch,
    marker,
    open_directory,
    read_committed,
    reopened,
    sync,
    topic,
)

SEGMENTS = {"segment.bytes": "1024", "delete.retention.ms": "0", "retention.ms": "-1"}
PRODUCERS = st.integers(1, 3)
KEYS = st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), min_size=1, max_size=3)
VALUE_BYTES = st.integers(0, 150)


@dataclass(frozen=True, slots=True)
class Entry:
    """One offset of the model: a record, or a marker (without a key)."""

    offset: int
    producer_id: int
    epoch: int
    transactional: bool
    key: bytes | None
    committed: bool = False


class Model:
    """What was appended; everything else follows from it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    @property
    def end(self) -> int:
        return len(self.entries)

    def add(self, producer_id: int, epoch: int, key: bytes | None, **how: bool) -> None:
        transactional = how.pop("transactional", key is None)
        self.entries.append(Entry(self.end, producer_id, epoch, transactional, key, **how))

    def open_transactions(self, before: int) -> dict[int, int]:
        """First offset of every transaction without a marker before an offset."""
        first: dict[int, int] = {}
        for entry in self.entries[:before]:
            if entry.key is None:
                first.pop(entry.producer_id, None)
            elif entry.transactional:
                first.setdefault(entry.producer_id, entry.offset)
        return first

    def epoch_and_sequence(self, producer_id: int) -> tuple[int, int]:
        mine = [entry for entry in self.entries if entry.producer_id == producer_id]
        epoch = mine[-1].epoch if mine else 0
        return epoch, sum(one.key is not None and one.epoch == epoch for one in mine)

    def committed(self, before: int) -> list[tuple[int, bytes]]:
        """(offset, key) of what a read_committed consumer gets, below a stable offset."""
        found = []
        for entry in self.entries[:before]:
            if entry.key is None:
                continue
            if entry.transactional:
                end = next(
                    one
                    for one in self.entries[entry.offset :]
                    if one.key is None and one.producer_id == entry.producer_id
                )
                if not end.committed:
                    continue
            found.append((entry.offset, entry.key))
        return found


class TransactionMachine(RuleBasedStateMachine):
    """Whatever happens to the log, readers of committed records see what the list says."""

    is_compacted = False

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.clock = TurnedClock()
        self.model = Model()
        self.durable = 0

    @initialize()
    def make(self) -> None:
        policy = {"cleanup.policy": "compact" if self.is_compacted else "delete"}
        self.logs = open_directory(
            self.path, self.clock, index_interval_bytes=200, recovery_mark_bytes=300
        )
        self.log = topic(self.logs, SEGMENTS | policy)

    def teardown(self) -> None:
        self.logs.let_go()
        shutil.rmtree(self.path)

    def write(self, producer_id: int, keys: list[bytes], size: int, *, transactional: bool) -> None:
        epoch, sequence = self.model.epoch_and_sequence(producer_id)
        result = self.log.append(
            batch(
                *[b"." * size] * len(keys),
                keys=keys,
                producer_id=producer_id,
                epoch=epoch,
                sequence=sequence,
                transactional=transactional,
            )
        )
        assert (result.base_offset, result.duplicate) == (self.model.end, False)
        for key in keys:
            self.model.add(producer_id, epoch, key, transactional=transactional)

    @rule(producer_id=PRODUCERS, keys=KEYS, size=VALUE_BYTES)
    def write_in_a_transaction(self, producer_id: int, keys: list[bytes], size: int) -> None:
        self.write(producer_id, keys, size, transactional=True)

    @rule(producer_id=PRODUCERS, keys=KEYS, size=VALUE_BYTES)
    def write_without(self, producer_id: int, keys: list[bytes], size: int) -> None:
        if producer_id in self.model.open_transactions(self.model.end):
            with pytest.raises(InvalidTxnState):
                self.write(producer_id, keys, size, transactional=False)
        else:
            self.write(producer_id, keys, size, transactional=False)

    @rule(producer_id=PRODUCERS, committed=st.booleans(), fences=st.booleans())
    def end_transaction(self, producer_id: int, committed: bool, fences: bool) -> None:
        epoch, _ = self.model.epoch_and_sequence(producer_id)
        end = marker(producer_id, committed=committed, epoch=epoch + fences)

        assert self.log.end_transaction(end) == self.model.end

        self.model.add(producer_id, epoch + fences, None, committed=committed)
        if fences:
            with pytest.raises(InvalidProducerEpoch):
                self.log.end_transaction(marker(producer_id, committed=committed, epoch=epoch))

    @rule()
    def sync(self) -> None:
        sync(self.log)
        self.durable = self.model.end

    @rule()
    def roll(self) -> None:
        self.log.roll()

    @rule(is_old=st.booleans())
    def clean(self, is_old: bool) -> None:
        self.sync()
        if is_old:  # tombstones and markers may go by the age of their files
            for segment in self.log.segments:
                os.utime(segment.path, (0, 0))

        async def clean() -> None:
            commit = GroupCommit(self.logs.fault)
            await LogCleaner(self.logs, commit, self.clock).clean(self.log)
            await commit.close()

        asyncio.run(clean())

    @rule()
    def close_and_open(self) -> None:
        self.logs.close()
        self.open()
        self.durable = self.model.end

    @rule(keep=st.floats(0, 1), garbage=st.binary(max_size=80), doomed=st.data())
    def crash(self, keep: float, garbage: bytes, doomed: st.DataObject) -> None:
        """What was not synced is there in part, and torn; what can be rebuilt may be lost."""
        sizes = {one.path: one.size for one in self.log.segments}
        synced = {one.path: self.synced_bytes(one.base_offset) for one in self.log.segments}
        self.logs.let_go()
        for path, size in sizes.items():
            with path.open("r+b") as file:
                file.truncate(synced[path] + int((size - synced[path]) * keep))
        with max(sizes).open("ab") as file:
            file.write(garbage)
        derived = sorted(
            path
            for path in self.log.directory.iterdir()
            if path.suffix in (".index", ".timeindex", ".txnindex", ".snapshot")
        )
        if derived and not self.is_compacted:
            path = doomed.draw(st.sampled_from(derived))
            path.write_bytes(path.read_bytes()[: doomed.draw(st.integers(0, 40))])

        self.open()

        end = self.log.end_offset
        assert self.durable <= end <= self.model.end
        del self.model.entries[end:]
        self.durable = end

    def synced_bytes(self, base_offset: int) -> int:
        segment = next(one for one in self.log.segments if one.base_offset == base_offset)
        if segment.next_offset <= self.durable:
            return segment.size
        return 0 if base_offset >= self.durable else segment.position_of(self.durable)

    def open(self) -> None:
        self.logs = open_directory(
            self.path, self.clock, index_interval_bytes=200, recovery_mark_bytes=300
        )
        self.log = reopened(self.logs)

    @precondition(lambda self: hasattr(self, "log"))
    @invariant()
    def the_first_undecided_record_holds_readers_back(self) -> None:
        undecided = self.model.open_transactions(self.durable).values()

        assert self.log.high_watermark == self.durable
        assert self.log.last_stable_offset == min([*undecided, self.durable])
        assert dict(self.log.open_transactions) == self.model.open_transactions(self.model.end)

    @precondition(lambda self: hasattr(self, "log"))
    @invariant()
    def readers_get_what_was_committed(self) -> None:
        expected = self.model.committed(self.log.last_stable_offset)

        found = [(one.offset, one.key or b"") for one in read_committed(self.log)]

        if not self.is_compacted:
            assert found == expected
            return
        assert set(found) <= set(expected)
        assert found == sorted(found)
        newest = {key: offset for offset, key in expected}
        assert {key: offset for offset, key in found} == newest


class CompactedMachine(TransactionMachine):
    """The same in a compacted topic, where the last record of each key is what counts."""

    is_compacted = True


TestTransactions = TransactionMachine.TestCase
TestTransactions.settings = settings(max_examples=40, stateful_step_count=30)
TestCompactedTransactions = CompactedMachine.TestCase
TestCompactedTransactions.settings = settings(max_examples=40, stateful_step_count=40)
