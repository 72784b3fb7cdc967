from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from pipeline.schema.codec import encode_alert
from pipeline.schema.topics import ALERTS, DEAD_LETTER, EVENTS_LOG, TOPICS
from pipeline.sinks.account import ranges
from pipeline.sinks.shelves import SeenSeries, shelves, utc_day
from tests.support.records import NOON, alert, event_record, record


def test_every_shelf_is_of_a_topic_of_the_product() -> None:
    assert shelves().keys() <= {topic.name for topic in TOPICS}


def test_an_alert_without_a_time_zone_cannot_be_read() -> None:
    naive = alert(1, observed=NOON.replace(tzinfo=None))

    found = shelves()[ALERTS].shelve([record(0, encode_alert(naive), topic=ALERTS)], NOON)

    [reject] = found.rejects
    assert "time zone" in reject.detail
    assert found.records == []


def test_anything_on_the_dead_letter_topic_can_be_read() -> None:
    found = shelves()[DEAD_LETTER].shelve([record(0, None, topic=DEAD_LETTER, key=None)], NOON)

    assert found.rejects == []
    assert [(entry.source, entry.reason) for entry in found.entries] == [("", "unknown")]


def test_the_day_of_a_time_is_told_in_utc() -> None:
    west = timezone(timedelta(hours=-5))

    assert utc_day(datetime(2026, 11, 22, 22, tzinfo=west)) == date(2026, 11, 23)
    assert utc_day(datetime(2026, 11, 22, 22, tzinfo=UTC)) == date(2026, 11, 22)


def test_what_is_no_event_costs_the_others_of_its_chunk_nothing() -> None:
    records = [event_record(0), record(1, b"garbage"), event_record(2), record(3, None)]

    found = shelves()[EVENTS_LOG].shelve(records, NOON)

    assert [kept.offset for kept in found.records] == [0, 2]
    assert [block.rows.count for block in found.blocks] == [2]
    assert [(reject.record.offset, reject.entry.received) for reject in found.rejects] == [
        (1, 1),
        (3, 1),
    ]


@given(
    kept=st.lists(st.tuples(st.sampled_from("abc"), st.integers(-2, 2), st.booleans()), min_size=1),
    holes=st.sets(st.integers(0, 60)),
)
def test_each_event_counts_once_for_its_source_and_day_in_the_range_it_lies_in(
    kept: list[tuple[str, int, bool]], holes: set[int]
) -> None:
    records, offset = [], 0
    expected: Counter[tuple[int, str, date]] = Counter()
    first = 0
    for source, days, is_readable in kept:
        if offset in holes:
            offset += 1
            first = offset
        observed = NOON + timedelta(days=days)
        made = event_record(offset, source=source, observed=observed)
        records.append(made if is_readable else record(offset, b"garbage"))
        if is_readable:
            expected[first, source, observed.date()] += 1
        offset += 1

    found = shelves()[EVENTS_LOG].shelve(records, NOON)

    begins = [begin for begin, _ in ranges(records)]
    counted: Counter[tuple[int, str, date]] = Counter()
    for entry in found.entries:
        counted[max(b for b in begins if b <= entry.offset), entry.source, entry.day] += (
            entry.received
        )
    assert counted == expected
    assert len(found.rejects) == sum(not is_readable for _, _, is_readable in kept)


def test_a_series_is_new_until_it_is_stored_and_again_the_next_day() -> None:
    seen, today = SeenSeries(), NOON.date()
    look = seen.look(today)
    assert 42 not in look
    assert 42 not in seen.look(today)  # not stored yet

    look.stored()

    assert 42 in seen.look(today)
    assert 42 not in seen.look(today + timedelta(days=1))
