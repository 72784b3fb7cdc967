from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from pipeline.errors import UndecodableRecord
from pipeline.schema.codec import encode_alert
from pipeline.schema.topics import ALERTS, DEAD_LETTER, TOPICS
from pipeline.sinks.shelves import SeenSeries, observed_day, shelves
from tests.support.records import NOON, alert, event, record


def test_every_shelf_is_of_a_topic_of_the_product() -> None:
    assert shelves().keys() <= {topic.name for topic in TOPICS}


def test_an_alert_without_a_time_zone_cannot_be_read() -> None:
    naive = alert(1, observed=NOON.replace(tzinfo=None))

    with pytest.raises(UndecodableRecord, match="time zone"):
        shelves()[ALERTS].read(record(0, encode_alert(naive), topic=ALERTS))


def test_anything_on_the_dead_letter_topic_can_be_read() -> None:
    letter = shelves()[DEAD_LETTER].read(record(0, None, topic=DEAD_LETTER, key=None))

    assert (letter.value, letter.reason, letter.origin) == (b"", "unknown", None)


def test_the_day_of_an_event_is_told_in_utc() -> None:
    west = timezone(timedelta(hours=-5))
    late = datetime(2026, 11, 22, 22, tzinfo=west)

    assert observed_day(event(1, observed=late)) == date(2026, 11, 23)
    assert observed_day(event(1, observed=datetime(2026, 11, 22, 22, tzinfo=UTC))) == date(
        2026, 11, 22
    )


def test_a_series_is_new_until_it_is_stored_and_again_the_next_day() -> None:
    seen, today = SeenSeries(), NOON.date()
    look = seen.look(today)
    assert 42 not in look
    assert 42 not in seen.look(today)  # not stored yet

    look.stored()

    assert 42 in seen.look(today)
    assert 42 not in seen.look(today + timedelta(days=1))
