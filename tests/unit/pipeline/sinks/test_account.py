from datetime import date, timedelta

from pipeline.bus.dead_letter import dead_letter, read_dead_letter, tally_of
from pipeline.bus.position import Position, TopicPartition
from pipeline.schema.topics import DEAD_LETTER
from pipeline.sinks.account import (
    Entry,
    dead_letter_entry,
    ledger_rows_of,
    ranges,
    written_at,
)
from pipeline.sinks.buffer import Batch
from pipeline.store.rows import LedgerRow
from tests.support.records import NOON, NOON_MS, record

DAY = NOON.date()
AT = TopicPartition("events.log", 2)


def counts(rows: list[LedgerRow]) -> list[tuple[str, int, int, int, str]]:
    return [(row.source, row.received, row.dead_lettered, row.dropped, row.reason) for row in rows]


def batch(*offsets: int) -> Batch:
    return Batch(AT, [record(offset) for offset in offsets])


def test_one_row_for_each_source_and_day() -> None:
    other_day = DAY - timedelta(days=1)
    entries = [
        Entry(offset=0, source="a", day=DAY),
        Entry(offset=1, source="b", day=DAY),
        Entry(offset=2, source="a", day=DAY),
        Entry(offset=3, source="a", day=other_day),
    ]

    rows = ledger_rows_of(batch(0, 1, 2, 3), entries, now=NOON)

    assert [(row.source, row.observed_date, row.received) for row in rows] == [
        ("a", other_day, 1),
        ("a", DAY, 2),
        ("b", DAY, 1),
    ]
    assert {(row.topic, row.partition, row.first_offset, row.last_offset) for row in rows} == {
        ("events.log", 2, 0, 3)
    }


def test_reasons_have_rows_of_their_own_and_received_is_counted_once() -> None:
    entries = [
        Entry(offset=0, source="a", day=DAY),
        Entry(offset=1, source="a", day=DAY, dead_lettered=1, reason="undecodable"),
        Entry(offset=2, source="a", day=DAY),
        Entry(
            offset=2, source="a", day=DAY, received=0, dead_lettered=1, reason="refused_by_store"
        ),
    ]

    rows = ledger_rows_of(batch(0, 1, 2), entries, now=NOON)

    assert counts(rows) == [
        ("a", 3, 0, 0, ""),
        ("a", 0, 1, 0, "refused_by_store"),
        ("a", 0, 1, 0, "undecodable"),
    ]


def test_offsets_that_the_log_skipped_are_in_no_range() -> None:
    entries = [Entry(offset=offset, source="a", day=DAY) for offset in (3, 4, 7)]

    rows = ledger_rows_of(batch(3, 4, 7), entries, now=NOON)

    assert [(row.first_offset, row.last_offset, row.received) for row in rows] == [
        (3, 4, 2),
        (7, 7, 1),
    ]
    assert ranges(batch(3, 4, 7).records) == [(3, 4), (7, 7)]


def test_a_batch_that_counts_nothing_still_covers_its_range() -> None:
    rows = ledger_rows_of(batch(3, 4), [], now=NOON)

    assert [(row.first_offset, row.last_offset, row.received) for row in rows] == [(3, 4, 0)]


def parked(*, origin: Position | None, dropped: bytes | None = None) -> Entry | None:
    made = dead_letter(value=b"v", source="udp", reason="too_long", detail="d", origin=origin)
    headers = made.headers + ((("dropped", dropped),) if dropped is not None else ())
    found = record(5, made.value, topic=DEAD_LETTER, headers=headers)
    return dead_letter_entry(read_dead_letter(found), found, NOON)


def test_a_message_parked_by_a_collector_was_received_and_dead_lettered() -> None:
    assert parked(origin=None) == Entry(
        offset=5, source="udp", day=DAY, received=1, dead_lettered=1, reason="too_long"
    )


def test_a_record_of_a_raw_topic_that_was_parked_counts_here_and_nowhere_else() -> None:
    entry = parked(origin=Position("raw.syslog", 0, 1))

    assert entry is not None
    assert (entry.received, entry.dead_lettered) == (1, 1)


def test_a_parked_copy_of_an_event_or_alert_does_not_count_twice() -> None:
    assert parked(origin=Position("events.log", 0, 1)) is None
    assert parked(origin=Position("alerts", 0, 1)) is None


def test_a_tally_counts_as_many_as_it_says() -> None:
    assert parked(origin=None, dropped=b"250") == Entry(
        offset=5, source="udp", day=DAY, received=250, dropped=250, reason="too_long"
    )


def test_a_tally_that_is_no_number_is_a_dead_letter() -> None:
    for text in (b"", b"-5", b"many", b"9" * 16):
        assert tally_of(record(0, headers=(("dropped", text),))) is None


def test_timestamps_that_the_store_would_drop_at_once_are_not_believed() -> None:
    assert written_at(record(0, timestamp_ms=NOON_MS - 1000), NOON) == NOON - timedelta(seconds=1)
    for wrong in (-1, 0, NOON_MS + 10**9, 2**62):
        assert written_at(record(0, timestamp_ms=wrong), NOON) == NOON
    assert isinstance(written_at(record(0), NOON).date(), date)
