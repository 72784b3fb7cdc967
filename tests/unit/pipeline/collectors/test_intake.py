"""The way to the log: gathered, bounded, tried again, and everything lost written down."""

import asyncio

import pytest

from pipeline.bus.producer import OutgoingRecord
from pipeline.collectors.intake import HEAD_BYTES, Intake, source_of
from pipeline.collectors.recording import Recorder
from pipeline.collectors.spill_over import SpillOver
from pipeline.errors import BusRefused, BusUnavailable
from pipeline.metrics import COLLECTOR_DROPPED
from pipeline.parsing.detect import Dialect
from pipeline.schema.event import EventIds
from tests.support.memory_log import MemoryLog


def record(value: bytes = b"x", key: bytes | None = b"test:1") -> OutgoingRecord:
    return OutgoingRecord(topic="events.log", value=value, key=key)


def intake_over(log: MemoryLog, *, limit: int = 1_000_000) -> Intake:
    return Intake(patient=log, hasty=log, max_in_flight_bytes=limit)


def dropped(reason: str) -> float:
    return float(COLLECTOR_DROPPED.labels("test", reason)._value.get())


async def test_what_comes_together_is_published_together_and_reported() -> None:
    log = MemoryLog()
    intake = intake_over(log)
    done: list[str] = []

    intake.submit("test", [record(b"a"), record(b"b")], lambda: done.append("first"))
    intake.submit("test", [record(b"c")], lambda: done.append("second"))
    assert intake.in_flight_bytes > 0
    await intake.drain(timeout_seconds=5)

    assert [one.value for one in log.records] == [b"a", b"b", b"c"]
    assert done == ["first", "second"]
    assert intake.in_flight_bytes == 0


async def test_records_that_nobody_sends_again_are_published_until_the_log_has_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.collectors.intake.RETRY_SECONDS", 0.01)
    log = MemoryLog()
    log.failures += [BusUnavailable("no broker"), BusUnavailable("no broker")]
    intake = intake_over(log)

    intake.submit("test", [record()])
    await log.until(lambda log: len(log.records) == 1)
    await intake.drain(timeout_seconds=5)

    assert intake.in_flight_bytes == 0


async def test_only_what_the_log_does_not_have_is_published_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.collectors.intake.RETRY_SECONDS", 0.01)
    log = MemoryLog()
    log.failures.append(BusUnavailable("half of it", unacknowledged=(1,)))
    intake = intake_over(log)

    intake.submit("test", [record(b"a"), record(b"b"), record(b"c")])
    await log.until(lambda log: len(log.records) == 1)
    await intake.drain(timeout_seconds=5)

    assert [one.value for one in log.records] == [b"b"]


async def test_who_was_told_to_wait_is_called_when_half_is_free() -> None:
    log = MemoryLog()
    log.open.clear()
    intake = intake_over(log, limit=1_000)
    called = asyncio.Event()

    intake.submit("test", [record(b"x" * 1_000)])
    assert intake.is_full
    intake.when_room(called.set)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(called.wait(), 0.05)
    log.open.set()

    await asyncio.wait_for(called.wait(), 5)
    assert not intake.is_full


async def test_who_asks_while_there_is_room_is_called_soon() -> None:
    intake, called = intake_over(MemoryLog()), asyncio.Event()

    intake.when_room(called.set)

    await asyncio.wait_for(called.wait(), 5)


async def test_senders_that_wait_hear_at_once_that_too_much_is_under_way() -> None:
    log = MemoryLog()
    log.open.clear()
    intake = intake_over(log, limit=1_000)
    intake.submit("test", [record(b"x" * 1_000)])

    with pytest.raises(BusUnavailable):
        await intake.publish("test", [record()])

    log.open.set()
    await intake.drain(timeout_seconds=5)


async def test_nothing_to_publish_is_published_at_once() -> None:
    log = MemoryLog()
    log.open.clear()

    await intake_over(log).publish("test", [])


async def test_a_parked_message_keeps_its_head_and_its_reason() -> None:
    log = MemoryLog()
    intake = intake_over(log)
    before = dropped("too_long")

    intake.park("test", source="test:1", reason="too_long", detail="why", head=b"x" * 9_000)
    await intake.drain(timeout_seconds=5)

    (parked,) = log.on("dead-letter")
    assert parked.value == b"x" * HEAD_BYTES
    assert dict(parked.headers)["reason"] == b"too_long"
    assert dropped("too_long") == before + 1


async def test_a_tally_says_how_many_messages_it_stands_for() -> None:
    log = MemoryLog()
    intake = intake_over(log)
    before = dropped("kernel")

    intake.tally("test", source="test:1", reason="kernel", count=17)
    await intake.drain(timeout_seconds=5)

    (tally,) = log.on("dead-letter")
    headers = dict(tally.headers)
    assert (headers["dropped"], headers["source"]) == (b"17", b"test:1")
    assert dropped("kernel") == before + 17


async def test_events_that_the_log_refuses_are_parked_and_the_others_kept() -> None:
    log = MemoryLog()
    log.failures.append(BusRefused("too large", refused=(1,)))
    intake = intake_over(log)
    done: list[str] = []

    intake.submit("test", [record(b"a"), record(b"b")], lambda: done.append("settled"))
    await log.until(lambda log: len(log.on("dead-letter")) == 1)
    await intake.drain(timeout_seconds=5)

    (parked,) = log.on("dead-letter")
    headers = dict(parked.headers)
    assert (parked.value, headers["source"]) == (b"b", b"test:1")
    assert headers["reason"] == b"refused_by_log"
    assert done == ["settled"]


async def test_a_dead_letter_that_is_refused_itself_is_counted_and_not_tried_for_ever() -> None:
    log = MemoryLog()
    log.failures.append(BusRefused("no such topic", refused=(0,)))
    intake = intake_over(log)
    before = dropped("dead_letter_refused")

    intake.park("test", source="test:1", reason="too_long", detail="why", head=b"x")
    await intake.drain(timeout_seconds=5)

    assert log.records == []
    assert dropped("dead_letter_refused") == before + 1


async def test_a_stop_names_what_the_log_never_acknowledged() -> None:
    log = MemoryLog()
    log.open.clear()
    intake = intake_over(log)
    before = dropped("unacknowledged_at_stop")

    intake.submit("test", [record(), record()])
    await intake.drain(timeout_seconds=0.05)

    assert dropped("unacknowledged_at_stop") == before + 2
    assert intake.in_flight_bytes == 0


def test_the_source_of_a_spilled_record_is_read_from_its_event() -> None:
    spill_over = SpillOver(events_per_second=1)
    recorder = Recorder("test", ids=EventIds(lambda: 0), spill_over=spill_over)
    records = [
        recorder.logs([b"a line"], source="syslog:10.0.0.7", dialect=Dialect.LINE)[0]
        for _ in range(3)
    ]

    assert records[0].key == b"syslog:10.0.0.7"
    assert {source_of(one) for one in records} == {"syslog:10.0.0.7"}
    assert source_of(record(b"garbage", None)) == "unknown"
