"""A partition without copies elsewhere."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from broker_core.errors import StorageError, UnknownLeaderEpoch
from broker_core.log.flush import Flush
from broker_core.log.group_commit import GroupCommit
from broker_core.protocol.control_record import Marker
from broker_core.replication.replica import Replica
from tests.support.partition import batch, open_directory, topic, values


@pytest.fixture
async def replica(tmp_path: Path) -> AsyncIterator[Replica]:
    logs = open_directory(tmp_path)
    commit = GroupCommit(logs.fault)
    yield Replica(topic(logs), commit)
    await commit.close()
    logs.let_go()


@pytest.mark.parametrize("acks", [1, -1])
async def test_what_is_acknowledged_can_be_read(replica: Replica, acks: int) -> None:
    woken: list[int] = []
    end = replica.subscribe(lambda: woken.append(replica.log.high_watermark))

    result = replica.append(batch(b"a", b"b"), acks=acks)
    assert values(replica.log) == []
    await replica.acknowledged(result.last_offset + 1, acks=acks)

    assert values(replica.log) == [b"a", b"b"]
    assert woken == [2]
    end()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that syncs nothing before the event is set."""
    works = threading.Event()
    run = Flush.run

    def wait_first(flush: Flush) -> None:
        assert works.wait(60)
        run(flush)

    monkeypatch.setattr(Flush, "run", wait_first)
    yield works
    works.set()


@pytest.fixture
async def lazy(tmp_path: Path) -> AsyncIterator[Replica]:
    """A partition that is synced once an hour, or every five records."""
    logs = open_directory(tmp_path)
    commit = GroupCommit(logs.fault)
    config = {"flush.ms": "3600000", "flush.messages": "5"}
    yield Replica(topic(logs, config), commit)
    await commit.close()
    logs.let_go()


async def durable(replica: Replica, offset: int) -> None:
    """Return once the records before an offset are on disk."""
    reached = asyncio.Event()

    def look() -> None:
        if replica.log.durable_end >= offset:
            reached.set()

    finish = replica.log.finish_flush

    def finish_and_look(flush: Flush) -> None:
        finish(flush)
        look()

    replica.log.finish_flush = finish_and_look  # type: ignore[method-assign]
    look()
    async with asyncio.timeout(60):
        await reached.wait()


@pytest.mark.parametrize("acks", [1, -1])
async def test_with_flush_ms_nobody_waits_for_the_disk(
    lazy: Replica, disk: threading.Event, acks: int
) -> None:
    result = lazy.append(batch(b"a", b"b"), acks=acks)
    acknowledged = lazy.acknowledged(result.last_offset + 1, acks=acks)

    assert acknowledged.done()
    assert values(lazy.log) == [b"a", b"b"]
    assert lazy.log.durable_end == 0
    disk.set()


async def test_flush_messages_have_the_disk_catch_up(lazy: Replica, disk: threading.Event) -> None:
    lazy.append(batch(b"a", b"b", b"c", b"d"))
    assert not lazy.log.must_sync_soon

    lazy.append(batch(b"e"))
    disk.set()

    await durable(lazy, 5)


async def test_flush_ms_have_the_disk_catch_up_after_that_time(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    commit = GroupCommit(logs.fault)
    replica = Replica(topic(logs, {"flush.ms": "1"}), commit)

    replica.append(batch(b"a"))
    assert values(replica.log) == [b"a"]
    await durable(replica, 1)

    await commit.close()
    logs.let_go()


async def test_a_sealed_segment_is_not_left_to_the_timer(
    lazy: Replica, disk: threading.Event
) -> None:
    disk.set()
    lazy.append(batch(b"a"))
    lazy.log.roll()
    lazy.append(batch(b"b"))

    await durable(lazy, 2)


async def test_a_marker_is_kept_before_it_is_acknowledged(
    lazy: Replica, disk: threading.Event
) -> None:
    lazy.append(batch(b"a", producer_id=1, epoch=0, sequence=0, transactional=True))
    marker = Marker(producer_id=1, producer_epoch=0, committed=True, coordinator_epoch=0)
    offset = lazy.end_transaction(marker)
    kept = lazy.acknowledged(offset + 1)

    assert not kept.done()
    disk.set()
    await kept
    assert lazy.log.durable_end == offset + 1


async def test_a_sync_that_is_late_takes_no_reader_back(
    lazy: Replica, disk: threading.Event
) -> None:
    lazy.append(batch(b"a"))
    flushing = asyncio.ensure_future(lazy._commit.flush(lazy.log))
    await asyncio.sleep(0)
    lazy.append(batch(b"b"))
    disk.set()
    await flushing

    assert lazy.log.high_watermark == 2
    assert values(lazy.log) == [b"a", b"b"]


async def test_after_a_failed_sync_nothing_is_acknowledged_any_more(lazy: Replica) -> None:
    lazy.append(batch(b"a"))
    lazy._commit._fault.set("a disk that failed")

    with pytest.raises(StorageError):
        await lazy.acknowledged(1)
    with pytest.raises(StorageError):
        lazy.append(batch(b"b"))


async def test_it_leads_whatever_the_client_knows_unless_that_is_later(replica: Replica) -> None:
    replica.check_leader()
    replica.check_leader(0)

    with pytest.raises(UnknownLeaderEpoch, match="leader epoch 1"):
        replica.check_leader(1)
