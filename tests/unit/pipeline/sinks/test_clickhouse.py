from collections.abc import Collection, Sequence
from datetime import timedelta

import pytest

from pipeline.bus.consumer import Record
from pipeline.bus.dead_letter import read_dead_letter
from pipeline.bus.position import Position, TopicPartition
from pipeline.bus.producer import OutgoingRecord
from pipeline.errors import StoreRefused
from pipeline.schema.codec import encode_event
from pipeline.schema.event import Kind
from pipeline.schema.topics import ALERTS, DEAD_LETTER, EVENTS_LOG, EVENTS_METRIC
from pipeline.sinks.buffer import Batch
from pipeline.sinks.clickhouse import MAX_DAYS, ClickHouseSink
from pipeline.store.native import Rows
from tests.support.records import NOON, alert_record, event, event_record, record

CANNOT_PARSE = 27


class Store:
    """Remembers inserts by token, and says which offsets it was told to have."""

    def __init__(self) -> None:
        self.inserts: list[tuple[str, str, int]] = []
        self.has: set[int] = set()
        self.is_booked = False
        self.asked = 0

    async def insert(self, table: str, rows: Rows, *, token: str) -> None:
        if table == "events" and b"poison" in rows.body:
            raise StoreRefused("cannot parse", code=CANNOT_PARSE)
        self.inserts.append((table, token, rows.count))

    async def stored_offsets(
        self, table: str, topic: str, partition: int, first: int, last: int
    ) -> Collection[int]:
        self.asked += 1
        found = set(self.has)
        self.has |= set(range(first, last + 1))  # whatever was inserted since
        return found

    async def has_ledger(self, topic: str, partition: int, first: int, last: int) -> bool:
        return self.is_booked

    def of(self, table: str) -> list[tuple[str, int]]:
        return [(token, count) for name, token, count in self.inserts if name == table]


class Log:
    """Remembers what was parked."""

    def __init__(self) -> None:
        self.parked: list[OutgoingRecord] = []

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[Position]:
        self.parked += records
        return [Position(one.topic, 0, at) for at, one in enumerate(records)]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def parking() -> Log:
    return Log()


@pytest.fixture
def sink(store: Store, parking: Log) -> ClickHouseSink:
    return ClickHouseSink(store, parking, now=lambda: NOON)


def batch(*records: Record, topic: str = EVENTS_LOG) -> Batch:
    return Batch(TopicPartition(topic, 0), list(records))


async def test_rows_and_ledger_carry_the_token_of_the_batch(
    sink: ClickHouseSink, store: Store
) -> None:
    found = batch(event_record(5), event_record(6), event_record(7, source="syslog:b"))

    await sink.write(found, is_trusted=True)

    assert store.inserts == [("events", found.token, 3), ("ledger", found.token, 2)]
    assert store.asked == 0


async def test_what_cannot_be_read_is_parked_with_where_it_lay(
    sink: ClickHouseSink, store: Store, parking: Log
) -> None:
    wrong_kind = record(7, b"{}")

    await sink.write(batch(event_record(5), record(6, b"\x00garbage"), wrong_kind), is_trusted=True)

    assert store.of("events") == [("events.log:0:5-7@" + str(wrong_kind.timestamp_ms), 1)]
    letters = [read_dead_letter(_as_read(one)) for one in parking.parked]
    assert [(letter.reason, letter.origin, letter.value) for letter in letters] == [
        ("undecodable", Position(EVENTS_LOG, 0, 6), b"\x00garbage"),
        ("undecodable", Position(EVENTS_LOG, 0, 7), b"{}"),
    ]


async def test_an_event_on_the_topic_of_another_kind_is_parked(
    sink: ClickHouseSink, store: Store, parking: Log
) -> None:
    await sink.write(batch(event_record(5), topic=EVENTS_METRIC), is_trusted=True)

    assert store.of("samples") == []
    assert [one.topic for one in parking.parked] == [DEAD_LETTER]


async def test_a_row_that_the_store_refuses_is_parked_and_the_others_are_stored(
    sink: ClickHouseSink, store: Store, parking: Log
) -> None:
    poisoned = event_record(6, source="poison")

    await sink.write(batch(event_record(5), poisoned, event_record(7)), is_trusted=True)

    assert sum(count for _, count in store.of("events")) == 2
    [parked] = parking.parked
    assert read_dead_letter(_as_read(parked)).reason == "refused_by_store"
    assert store.of("ledger")


async def test_an_untrusted_range_that_is_stored_is_not_stored_again(
    sink: ClickHouseSink, store: Store
) -> None:
    store.has = {5, 6}
    store.is_booked = True

    await sink.write(batch(event_record(5), event_record(6)), is_trusted=False)

    assert store.inserts == []


async def test_an_untrusted_range_gets_what_is_missing_under_another_token(
    sink: ClickHouseSink, store: Store
) -> None:
    store.has = {5}
    found = batch(event_record(5), event_record(6))

    await sink.write(found, is_trusted=False)

    assert store.of("events") == [(f"{found.token}/only-6-1", 1)]
    assert store.of("ledger") == [(found.token, 1)]


async def test_an_untrusted_range_of_which_nothing_is_stored_keeps_its_token(
    sink: ClickHouseSink, store: Store
) -> None:
    found = batch(event_record(5), event_record(6))

    await sink.write(found, is_trusted=False)

    assert store.of("events") == [(found.token, 2)]


async def test_a_token_that_was_remembered_without_its_rows_does_not_lose_them(
    sink: ClickHouseSink, store: Store
) -> None:
    answers: list[set[int]] = [set(), set()]

    async def forgetful(
        table: str, topic: str, partition: int, first: int, last: int
    ) -> Collection[int]:
        return answers.pop(0)

    store.stored_offsets = forgetful  # type: ignore[method-assign]
    found = batch(event_record(5))

    await sink.write(found, is_trusted=False)

    first, second = store.of("events")
    assert first == (found.token, 1)
    assert second[0] != found.token


async def test_tables_that_collapse_doubles_are_not_asked(
    sink: ClickHouseSink, store: Store
) -> None:
    found = batch(alert_record(1), topic=ALERTS)

    await sink.write(found, is_trusted=False)

    assert (store.asked, store.inserts) == (0, [("alerts", found.token, 1)])


async def test_alerts_are_not_in_the_ledger(sink: ClickHouseSink, store: Store) -> None:
    await sink.write(batch(alert_record(1), topic=ALERTS), is_trusted=True)

    assert store.of("ledger") == []


async def test_a_batch_of_too_many_days_is_stored_in_parts(
    sink: ClickHouseSink, store: Store
) -> None:
    days = MAX_DAYS + 10
    records = [event_record(n, observed=NOON - timedelta(days=n)) for n in range(days)]

    await sink.write(batch(*records), is_trusted=True)

    assert sorted(count for _, count in store.of("events")) == [10, MAX_DAYS]
    assert len({token for token, _ in store.of("events")}) == 2


async def test_a_tally_is_counted_and_needs_no_row(sink: ClickHouseSink, store: Store) -> None:
    tally = record(3, b"", topic=DEAD_LETTER, headers=(("dropped", b"12"), ("reason", b"lost")))

    await sink.write(batch(tally, topic=DEAD_LETTER), is_trusted=True)

    assert store.of("dead_letters") == []
    assert [count for _, count in store.of("ledger")] == [2]


async def test_labels_of_a_series_are_stored_once(sink: ClickHouseSink, store: Store) -> None:
    def sample(offset: int) -> Record:
        made = event(offset, kind=Kind.METRIC, fields={"metric.name": "up", "metric.value": 1.0})
        return record(offset, encode_event(made), topic=EVENTS_METRIC)

    await sink.write(batch(sample(0), topic=EVENTS_METRIC), is_trusted=True)
    await sink.write(batch(sample(1), topic=EVENTS_METRIC), is_trusted=True)

    assert [count for _, count in store.of("series")] == [1, 0]
    assert [count for _, count in store.of("samples")] == [1, 1]


def _as_read(outgoing: OutgoingRecord) -> Record:
    return record(
        0,
        outgoing.value,
        topic=outgoing.topic,
        key=outgoing.key,
        headers=outgoing.headers,
    )
