"""A log with copies: what is committed is another's word, and what went another way is cut."""

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from broker_core.errors import CorruptMessage, NotLeaderOrFollower, OffsetOutOfRange
from broker_core.log.cleaner import LogCleaner
from broker_core.log.fault import Fault
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.log.recovery_mark import RecoveryMark
from broker_core.log.replicated_log import ReplicatedLog
from broker_core.log.topic_config import TopicConfig
from broker_core.protocol.record_batch import BatchHeader, read_batches, read_header
from broker_core.settings import LogSettings
from tests.support.partition import TurnedClock, batch, marker, sync, values

CONFIG = {"segment.bytes": "1024"}


Open = Callable[[str], LogDirectory]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    """Open a directory by its name; whatever was opened is let go in the end."""
    directories: list[LogDirectory] = []

    def opened(name: str) -> LogDirectory:
        settings = LogSettings(index_interval_bytes=200, recovery_mark_bytes=300)
        path = tmp_path / name
        directories.append(LogDirectory(path, settings, TurnedClock(), is_replicated=True))
        return directories[-1]

    yield opened
    for directory in directories:
        directory.let_go()


def held(logs: LogDirectory) -> ReplicatedLog:
    """The only partition of the directory, made if need be."""
    if "events" not in logs.topics():
        topic = TopicConfig(
            name="events", topic_id=uuid4(), partitions=1, config=CONFIG, held=frozenset({0})
        )
        logs.hold({"events": topic})
    log = logs.get("events", 0)
    assert isinstance(log, ReplicatedLog)
    return log


@pytest.fixture
async def logs(opened: Open) -> LogDirectory:
    return opened("a")


@pytest.fixture
async def log(logs: LogDirectory) -> ReplicatedLog:
    return held(logs)


@pytest.fixture
async def commit(logs: LogDirectory) -> AsyncIterator[GroupCommit]:
    made = GroupCommit(logs.fault)
    yield made
    await made.close()


def fill(log: PartitionLog, count: int = 12, *, epoch: int = 0) -> None:
    """Batches of one idempotent producer, over several segments."""
    for _ in range(count):
        number = log.end_offset
        log.append(
            batch(b"%d " % number + b"." * 250, producer_id=1, epoch=0, sequence=number),
            leader_epoch=epoch,
        )


def transact(log: PartitionLog, chance: random.Random) -> None:
    """Transactions of several producers side by side, over several segments."""
    sequences = dict.fromkeys(range(3), 0)
    for _ in range(60):
        producer_id = chance.randrange(3)
        if log.is_in_transaction(producer_id) and chance.random() < 0.4:
            log.end_transaction(marker(producer_id, committed=chance.random() < 0.5, coordinator=7))
            continue
        data = batch(
            b"." * 100,
            producer_id=producer_id,
            epoch=0,
            sequence=sequences[producer_id],
            transactional=True,
        )
        log.append(data)
        sequences[producer_id] += 1


def everything(log: ReplicatedLog) -> list[tuple[bytes, BatchHeader]]:
    """Every batch with its header."""
    found, offset = [], log.log_start_offset
    while offset < log.end_offset:
        data = log.read_to_end(offset, 1 << 20)
        found += [(data[at : at + header.size], header) for at, header in read_batches(data)]
        offset = found[-1][1].last_offset + 1
    return found


def known_of_transactions(log: ReplicatedLog) -> tuple[object, ...]:
    """What readers and producers would be told, all of it committed."""
    log.commit_until(log.end_offset)
    return (
        dict(log.open_transactions),
        log.last_stable_offset,
        log.aborted_below(log.last_stable_offset),
        {
            producer_id: (known.epoch, known.coordinator_epoch, known.batches)
            for producer_id, known in log.producers.items()
        },
    )


def copy(source: ReplicatedLog, to: ReplicatedLog) -> None:
    while to.end_offset < source.end_offset:
        data = source.read_to_end(to.end_offset, 700)
        for start, header in read_batches(data):
            to.append_copy(data[start : start + header.size], header)


async def cut(log: ReplicatedLog, commit: GroupCommit, offset: int) -> None:
    await commit.between_rounds(lambda: log.drop_segments_from(offset))
    await commit.flush(log)
    await commit.between_rounds(lambda: log.cut(offset))
    await commit.flush(log)


def content(log: PartitionLog) -> bytes:
    """Every byte of every segment, as the files have it."""
    return b"".join(segment.path.read_bytes() for segment in log.segments)


# -- committed


async def test_no_recovery_mark_outlives_what_it_speaks_of(
    log: ReplicatedLog, commit: GroupCommit
) -> None:
    fill(log, 3)
    await commit.flush(log)
    before = RecoveryMark.read(log.directory)

    await commit.between_rounds(lambda: log.cut(2))
    between = RecoveryMark.read(log.directory)
    await commit.flush(log)
    after = RecoveryMark.read(log.directory)

    assert before is not None
    assert before.end_offset == 3
    assert between is None
    assert after is not None
    assert after.end_offset == log.end_offset == 2


async def test_a_log_that_begins_anew_has_no_recovery_mark(
    log: ReplicatedLog, commit: GroupCommit
) -> None:
    fill(log, 2)
    await commit.flush(log)

    await commit.between_rounds(lambda: log.restart_at(7))

    assert RecoveryMark.read(log.directory) is None


async def test_what_is_durable_is_not_read_before_it_is_committed(log: ReplicatedLog) -> None:
    told: list[str] = []
    log.subscribe(lambda: told.append("readers"))
    log.on_durable = lambda: told.append("whoever counts copies")
    fill(log, 3)

    sync(log)
    assert (log.durable_end, log.high_watermark, values(log)) == (3, 0, [])
    log.commit_until(2)
    log.commit_until(1)

    assert (log.high_watermark, len(values(log))) == (2, 2)
    assert told == ["whoever counts copies", "readers"]


async def test_copies_read_what_is_not_committed_and_not_even_synced(log: ReplicatedLog) -> None:
    fill(log, 9)

    data = log.read_to_end(2, 600)

    assert [header.base_offset for _, header in read_batches(data)] == [2]
    assert log.read_to_end(9, 600) == b""
    with pytest.raises(OffsetOutOfRange):
        log.read_to_end(10, 600)


async def test_segments_above_the_high_watermark_are_not_to_be_removed(log: ReplicatedLog) -> None:
    fill(log)
    sync(log)
    assert (len(log.segments) > 3, log.durable_sealed) == (True, ())

    log.commit_until(log.segments[2].base_offset)

    assert log.durable_sealed == tuple(log.segments[:2])


async def test_nothing_counts_as_committed_when_it_is_opened(
    logs: LogDirectory, log: ReplicatedLog, opened: Open
) -> None:
    fill(log)
    sync(log)
    log.commit_until(12)
    logs.let_go()

    again = held(opened("a"))

    assert (again.end_offset, again.durable_end, again.high_watermark) == (12, 12, 0)
    again.commit_until(7)
    assert len(values(again)) == 7


# -- copies


async def test_a_copy_is_the_same_byte_for_byte(log: ReplicatedLog, opened: Open) -> None:
    mine = held(opened("b"))
    fill(log, 5, epoch=3)
    fill(log, 5, epoch=8)

    copy(log, mine)

    assert content(mine) == content(log)
    retried = mine.append(batch(b"again", producer_id=1, epoch=0, sequence=9))
    assert (retried.duplicate, retried.base_offset) == (True, 9)


async def test_a_copy_keeps_the_gaps_of_compaction_also_over_a_crash(
    log: ReplicatedLog, logs: LogDirectory, opened: Open
) -> None:
    for offset in (0, 5, 6, 70):
        sent = bytearray(batch(b"x" * 400))
        sent[:8] = offset.to_bytes(8, "big")
        log.append_copy(bytes(sent), read_header(sent))
    sync(log)
    logs.let_go()

    again = held(opened("a"))
    again.commit_until(again.durable_end)

    data = b"".join(again.read(offset, 500) for offset in (0, 1, 6, 7))
    assert [header.base_offset for _, header in read_batches(data)] == [0, 5, 6, 70]


@pytest.mark.parametrize("seed", range(5))
async def test_a_copy_knows_every_transaction_also_after_a_cut(
    log: ReplicatedLog, opened: Open, seed: int
) -> None:
    chance = random.Random(seed)
    transact(log, chance)
    sync(log)
    whole, shortened, short = (held(opened(name)) for name in ("whole", "shortened", "short"))
    end = chance.choice([header.base_offset for _, header in everything(log)])
    for data, header in everything(log):
        whole.append_copy(data, header)
        shortened.append_copy(data, header)
        if header.base_offset < end:
            short.append_copy(data, header)
    sync(whole)
    sync(short)
    commit = GroupCommit(Fault())
    await commit.durable(shortened, shortened.end_offset)
    await cut(shortened, commit, end)
    await commit.close()

    assert known_of_transactions(whole) == known_of_transactions(log)
    assert known_of_transactions(shortened) == known_of_transactions(short)


@pytest.mark.parametrize("damage", ["offset", "crc"])
async def test_a_copy_takes_nothing_that_does_not_follow(log: ReplicatedLog, damage: str) -> None:
    fill(log, 2)
    sent = bytearray(batch(b"x"))
    sent[:8] = (1 if damage == "offset" else 2).to_bytes(8, "big")
    sent[-1] ^= damage == "crc"

    with pytest.raises(CorruptMessage):
        log.append_copy(bytes(sent), read_header(sent))

    assert log.end_offset == 2


# -- cut


@pytest.mark.parametrize("end", [11, 8, 5, 1, 0])
async def test_what_is_cut_is_gone_and_the_log_goes_on(
    log: ReplicatedLog, commit: GroupCommit, logs: LogDirectory, opened: Open, end: int
) -> None:
    fill(log)
    await commit.durable(log, 12)

    await cut(log, commit, end)

    assert (log.end_offset, log.durable_end) == (end, end)
    fill(log, 3, epoch=9)  # the producer goes on where the log ends, not where it ended
    await commit.durable(log, end + 3)
    logs.let_go()
    again = held(opened("a"))
    again.commit_until(again.durable_end)
    assert [int((value or b"").split()[0]) for value in values(again)] == list(range(end + 3))
    epochs = [header.leader_epoch for _, header in read_batches(content(again))]
    assert epochs == [0] * end + [9] * 3


async def test_a_cut_survives_a_crash_at_every_step(
    log: ReplicatedLog, commit: GroupCommit, logs: LogDirectory, opened: Open
) -> None:
    """Whatever is left after a crash is a prefix of what was there, and can be cut again."""
    fill(log)
    await commit.durable(log, 12)
    before = content(log)

    await commit.between_rounds(lambda: log.drop_segments_from(5))
    logs.let_go()
    again = opened("a")
    once = held(again)
    assert before.startswith(content(once))
    assert 5 <= once.end_offset < 12
    recommit = GroupCommit(again.fault)
    await cut(once, recommit, 5)

    assert once.end_offset == 5
    assert before.startswith(content(once))
    await recommit.close()


async def test_a_cut_waits_for_no_sync_and_disturbs_none(
    log: ReplicatedLog, commit: GroupCommit
) -> None:
    fill(log, 6)
    waiting = [commit.durable(log, offset) for offset in (2, 6)]
    cutting = commit.between_rounds(lambda: log.cut(4))

    await cutting
    await waiting[0]
    with pytest.raises(NotLeaderOrFollower, match="was cut"):
        await waiting[1]

    assert (log.end_offset, log.durable_end) == (4, 4)


async def test_an_action_that_fails_is_its_own_affair(
    log: ReplicatedLog, commit: GroupCommit
) -> None:
    def fails() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await commit.between_rounds(fails)
    fill(log, 1)
    await commit.durable(log, 1)


async def test_a_copy_from_before_the_leaders_log_begins_anew(
    log: ReplicatedLog, commit: GroupCommit, logs: LogDirectory, opened: Open
) -> None:
    fill(log)
    await commit.durable(log, 12)
    log.commit_until(12)

    await commit.between_rounds(lambda: log.restart_at(500))
    await commit.flush(log)

    assert (log.log_start_offset, log.high_watermark, log.end_offset) == (500, 500, 500)
    assert not log.producers
    fill(log, 4)
    await commit.durable(log, 504)
    logs.let_go()
    again = held(opened("a"))
    again.commit_until(504)
    assert (again.log_start_offset, len(values(again))) == (500, 4)


async def test_a_log_that_was_compacted_up_to_its_end_is_read(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed ends with a sealed segment; nothing was written after it."""
    monkeypatch.setitem(CONFIG, "cleanup.policy", "compact")
    logs = opened("compacted")
    log, commit = held(logs), GroupCommit(logs.fault)
    for number in range(3):
        log.append(batch(b"%d" % number, keys=[b"k"]))
    await commit.flush(log)
    log.commit_until(3)
    log.roll()
    await commit.flush(log)

    await LogCleaner(logs, commit, TurnedClock()).clean_all()

    assert [header.last_offset for _, header in read_batches(log.read(0, 1_000_000))] == [2]
    assert values(log) == [b"2"]
    await commit.close()
