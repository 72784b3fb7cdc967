"""What the product asks of a store, asked of every engine behind the seam."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from pipeline.errors import QueryInvalid
from pipeline.schema.delivery import Delivery, DeliveryStatus
from pipeline.schema.event import Event
from pipeline.store import rows
from pipeline.store.client import StoreClient
from pipeline.store.queries import (
    alerts,
    clicks,
    events,
    field_names,
    ledger,
    measured,
    overview,
    series,
)
from pipeline.store.queries.alerts import AlertFilter
from pipeline.store.queries.span import Cursor, Span
from pipeline.store.search_language import parse
from tests.support.store import At
from tests.support.stored_values import NOON, alert, click, id_of, log_event, sample

HOUR = Span(NOON, NOON + timedelta(hours=1))
EVERYTHING = parse("")
DAY = date(2026, 11, 22)


async def store_events(store: StoreClient, stored: list[tuple[Event, At]]) -> None:
    await store.insert("events", rows.events_rows(stored), token=repr(stored))


async def test_pages_follow_each_other_without_gap_or_overlap(store: StoreClient) -> None:
    at_once = [
        (msgspec.structs.replace(event, time=NOON), at) for event, at in map(log_event, range(10))
    ]
    await store_events(store, at_once + [log_event(number) for number in range(10, 25)])

    found: list[str] = []
    after: Cursor | None = None
    while True:
        page = await events.search(store, EVERYTHING, HOUR, limit=4, after=after)
        found += [stored.event.id for stored in page.items]
        if page.next is None:
            break
        after = Cursor.parse(str(page.next))

    assert found[:15] == [id_of(number) for number in range(24, 9, -1)]
    assert sorted(found) == sorted(id_of(number) for number in range(25))


async def test_a_search_finds_what_it_means_within_its_span(store: StoreClient) -> None:
    await store_events(
        store,
        [
            log_event(1, {"user.name": "root"}),
            log_event(2, {"user.name": "alice"}),
            log_event(7200, {"user.name": "root"}),
        ],
    )

    page = await events.search(store, parse("user:ROOT event"), HOUR)

    assert [stored.event.id for stored in page.items] == [id_of(1)]
    assert await events.count(store, parse("user:ROOT event"), HOUR) == 1


async def test_a_histogram_counts_by_level(store: StoreClient) -> None:
    await store_events(
        store,
        [
            log_event(1, {"log.level": "info"}),
            log_event(2, {"log.level": "err"}),
            log_event(1830, {"log.level": "err"}),
        ],
    )

    histogram = await events.histogram(store, EVERYTHING, HOUR, buckets=60)

    assert histogram.step == timedelta(minutes=1)
    assert [(bucket.begin, dict(bucket.counts)) for bucket in histogram.buckets] == [
        (NOON, {"info": 1, "err": 1}),
        (NOON + timedelta(minutes=30), {"err": 1}),
    ]


async def test_facets_count_each_value_of_a_list(store: StoreClient) -> None:
    await store_events(
        store,
        [
            log_event(1, {"user.name": "root", "EventID": 4625, "logsource.service": ["sshd"]}),
            log_event(2, {"user.name": ["root", "alice"], "EventID": "4625"}),
            log_event(3, {"host.name": "web-1"}),
        ],
    )

    facets = await events.facets(
        store, EVERYTHING, HOUR, ["user.name", "EventID", "logsource.service", "source", "nothing"]
    )

    assert facets.looked_at == 3
    assert not facets.sampled
    assert facets.values == {
        "user.name": (("root", 2), ("alice", 1)),
        "EventID": (("4625", 2),),
        "logsource.service": (("sshd", 1),),
        "source": (("syslog:10.0.0.7", 3),),
        "nothing": (),
    }


async def test_an_event_is_found_by_its_id_alone(store: StoreClient) -> None:
    made = int(NOON.timestamp() * 1000)
    id_ = f"{made:012x}"[:8] + "-" + f"{made:012x}"[8:] + "-7000-8000-000000000001"
    event, at = log_event(1)
    await store_events(store, [(msgspec.structs.replace(event, id=id_), at), log_event(2)])

    by_time = await events.by_id(store, id_)
    by_scan = await events.by_id(store, id_of(2))

    assert by_time is not None
    assert by_time.event.id == id_
    assert by_scan is not None
    assert by_scan.event.id == id_of(2)
    assert await events.by_id(store, id_of(3)) is None
    with pytest.raises(QueryInvalid):
        await events.by_id(store, "'; DROP")


async def test_the_events_of_an_alert_come_in_its_order(store: StoreClient) -> None:
    await store_events(store, [log_event(number) for number in (1, 2, 3)])
    positions = [alert(number)[0].events[0] for number in (3, 1, 9)]

    found = await events.by_positions(store, positions)

    assert [stored.event.id for stored in found] == [id_of(3), id_of(1)]


async def test_the_overview_counts_by_source(store: StoreClient) -> None:
    await store_events(
        store, [log_event(number, source="syslog:a") for number in (0, 1, 61)] + [log_event(2)]
    )
    samples, _ = rows.samples_rows([sample(3, "up", 1.0)])
    for _ in range(2):
        await store.insert("samples", samples, token="s")

    sources = await overview.sources(store, HOUR)
    volumes = await overview.volumes(store, HOUR)

    assert [(one.source, one.kinds, one.events) for one in sources] == [
        ("syslog:a", ("log",), 3),
        ("scrape:node", ("metric",), 1),
        ("syslog:10.0.0.7", ("log",), 1),
    ]
    assert sources[0].last_observed == NOON + timedelta(seconds=61)
    assert sum(volume.events for volume in volumes.volumes) == 5  # the repetition is not counted
    assert volumes.volumes[-1].begin == NOON + timedelta(minutes=1)


async def test_a_source_is_as_fast_as_it_was_in_the_last_five_minutes(store: StoreClient) -> None:
    await store_events(store, [log_event(number, source="syslog:a") for number in (0, 1, 61, 62)])

    (source,) = await overview.sources(store, Span(NOON, NOON + timedelta(minutes=6)))

    assert source.events == 4
    assert source.per_second == 2 / 300


async def test_an_alert_comes_back_as_it_was_and_once(store: StoreClient) -> None:
    first, at = alert(1)
    for token in ("a", "b"):
        await store.insert("alerts", rows.alerts_rows([(first, at)]), token=token)

    page = await alerts.alerts(store, AlertFilter())

    assert page.items == (first,)
    assert await alerts.alert(store, first.id) == first
    assert await alerts.alerts_of_event(store, id_of(1)) == (first,)
    assert await alerts.alert(store, id_of(5)) is None


async def test_alerts_are_filtered_and_counted(store: StoreClient) -> None:
    stored = [alert(1), alert(2, level="low", entity="web-7"), alert(12, level="low")]
    await store.insert("alerts", rows.alerts_rows(stored), token="a")
    ids = [found.id for found, _ in stored]

    async def listed(wanted: AlertFilter) -> list[str]:
        return [found.id for found in (await alerts.alerts(store, wanted)).items]

    assert await listed(AlertFilter(span=HOUR)) == [ids[2], ids[1], ids[0]]
    assert await listed(AlertFilter(levels=["low"])) == [ids[2], ids[1]]
    assert await listed(AlertFilter(entity="WEB-7")) == [ids[1]]
    assert await listed(AlertFilter(text="rule 1")) == [ids[0]]
    assert await listed(AlertFilter(tag="attack.t1110", not_ids=ids[:2])) == [ids[2]]
    assert await listed(AlertFilter(ids=ids[:1])) == [ids[0]]
    assert await listed(AlertFilter(ids=[])) == []
    assert await alerts.count_by_level(store, AlertFilter()) == {
        "informational": 0,
        "low": 2,
        "medium": 0,
        "high": 1,
        "critical": 0,
    }
    by_rule = await alerts.count_by_rule(store, AlertFilter())
    assert [(rule.rule_title, rule.alerts) for rule in by_rule] == [("Rule 2", 2), ("Rule 1", 1)]
    histogram = await alerts.histogram(store, AlertFilter(), HOUR)
    assert [dict(bucket.counts) for bucket in histogram.buckets] == [{"high": 1, "low": 2}]


async def test_deliveries_of_an_alert_come_in_order_and_once(store: StoreClient) -> None:
    attempts = [
        Delivery(
            id=id_of(attempt),
            alert_id=id_of(99),
            alert_topic="alerts",
            alert_partition=0,
            alert_offset=5,
            destination="chat",
            attempt=attempt,
            status=DeliveryStatus.RETRYING if attempt == 1 else DeliveryStatus.DELIVERED,
            time=NOON + timedelta(seconds=attempt),
            duration_ms=12,
            response_status=503 if attempt == 1 else 200,
            error="busy" if attempt == 1 else "",
            next_attempt=NOON + timedelta(seconds=2) if attempt == 1 else None,
        )
        for attempt in (1, 2)
    ]
    for token in ("a", "b"):
        batch = [(attempt, At("deliveries", 0, attempt.attempt)) for attempt in attempts]
        await store.insert("deliveries", rows.deliveries_rows(batch), token=token)

    assert await alerts.deliveries(store, id_of(99)) == tuple(attempts)
    assert await alerts.latest_deliveries(store, HOUR) == (attempts[1],)


def ledger_row(first: int, last: int, **changes: int | str) -> rows.LedgerRow:
    row = rows.LedgerRow(
        topic="events.log",
        partition=0,
        first_offset=first,
        last_offset=last,
        source="syslog:10.0.0.7",
        received=last - first + 1,
        dead_lettered=0,
        dropped=0,
        reason="",
        observed_date=DAY,
        time=NOON,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


async def test_the_ledger_adds_up_and_a_row_deleted_by_hand_shows(store: StoreClient) -> None:
    await store_events(store, [log_event(number) for number in range(8)])
    written = [
        ledger_row(0, 9),
        ledger_row(0, 9, received=0, dead_lettered=2, reason="undecodable"),
    ]
    for token in ("a", "b"):
        await store.insert("ledger", rows.ledger_rows(written), token=token)

    (covered,) = found = await measured.coverage(store, DAY)
    booked = await measured.booked(store, DAY, found)
    stored = await measured.stored(store, DAY, found)
    await store.command(f"DELETE FROM events WHERE id = toUUID('{id_of(3)}')")
    afterwards = await measured.stored(store, DAY, found)

    assert (covered.begin, covered.end, covered.records) == (0, 10, 10)
    assert [(one.reason, one.received, one.dead_lettered) for one in booked] == [
        ("", 10, 0),
        ("undecodable", 0, 2),
    ]
    assert stored == {"syslog:10.0.0.7": 8}
    assert afterwards == {"syslog:10.0.0.7": 7}


async def test_days_that_are_going_are_not_compared(store: StoreClient) -> None:
    await store.insert("ledger", rows.ledger_rows([ledger_row(0, 9)]), token="a")

    assert await measured.coverage(store, DAY + timedelta(days=1)) == ()
    assert ledger.oldest_whole_day(DAY, 90) == date(2026, 8, 26)


async def test_a_batch_is_known_by_its_ends(store: StoreClient) -> None:
    await store.insert("ledger", rows.ledger_rows([ledger_row(0, 9)]), token="a")

    assert await ledger.is_booked(store, "events.log", 0, first=0, last=9)
    assert not await ledger.is_booked(store, "events.log", 0, first=0, last=8)


async def test_stored_ranges_name_the_gaps(store: StoreClient) -> None:
    offsets = [0, 1, 2, 5, 6, 9]
    await store_events(store, [log_event(offset) for offset in offsets])

    ranges = await ledger.stored_ranges(store, "events", "events.log", 0, first=1, last=100)

    assert [(found.first, found.last) for found in ranges] == [(1, 2), (5, 6), (9, 9)]


async def test_dead_letters_keep_their_bytes(store: StoreClient) -> None:
    parked = rows.DeadLetterRow(
        time=NOON,
        source="http:token",
        reason="undecodable",
        detail="not an event",
        value=b"\xff\x00{",
        origin_topic="events.log",
        origin_partition=2,
        origin_offset=7,
        position=At("dead-letter", 0, 1),
    )
    await store.insert("dead_letters", rows.dead_letters_rows([parked]), token="a")

    (found,) = await ledger.dead_letters(store, reason="undecodable")

    assert found.value == b"\xff\x00{"
    assert (found.origin_topic, found.origin_partition, found.origin_offset) == ("events.log", 2, 7)
    assert await ledger.dead_letters(store, source="nobody") == ()
    assert await ledger.dead_letters_by_reason(store) == {"undecodable": 1}


async def test_letters_are_counted_as_the_ledger_counts_what_was_parked(
    store: StoreClient,
) -> None:
    def letter(offset: int, topic: str = "", origin: int = -1) -> rows.DeadLetterRow:
        return rows.DeadLetterRow(
            time=NOON,
            source="a",
            reason="undecodable",
            detail="",
            value=b"",
            origin_topic=topic,
            origin_partition=0,
            origin_offset=origin,
            position=At("dead-letter", 0, offset),
        )

    twice = [letter(0, "events.log", 7), letter(1, "events.log", 7)]
    of_raw = [letter(2, "raw.syslog", 7), letter(3, "raw.syslog", 7)]  # each was received
    uncounted, straight = letter(4, "alerts", 7), letter(5)
    letters = rows.dead_letters_rows([*twice, *of_raw, uncounted, straight])
    await store.insert("dead_letters", letters, token="a")

    assert await measured.parked(store, DAY) == {"undecodable": 4}
    assert await measured.parked(store, DAY + timedelta(days=1)) == {}


async def test_a_series_is_graphed_by_value_and_by_rate(store: StoreClient) -> None:
    batch = [
        sample(0, "requests_total", 10.0, code="200"),
        sample(60, "requests_total", 70.0, code="200"),
        sample(120, "requests_total", 30.0, code="200"),
        sample(0, "requests_total", 1.0, code="500"),
    ]
    samples, names = rows.samples_rows(batch)
    await store.insert("samples", samples, token="a")
    await store.insert("series", names, token="a")

    assert await series.metric_names(store, containing="REQ") == ("requests_total",)
    assert len(await series.series(store, "requests_total")) == 2
    found = await series.series(store, "requests_total", {"code": "200"})
    (line,) = await series.lines(store, found, HOUR, step=timedelta(minutes=1))
    (rate,) = await series.lines(store, found, HOUR, step=timedelta(minutes=1), rate=True)

    assert [point.value for point in line.points] == [10.0, 70.0, 30.0]
    assert [point.value for point in rate.points] == [1.0, 0.5]


async def test_clicks_are_views_and_visitors(store: StoreClient) -> None:
    batch = [
        click(1, "ann", "/", referrer="https://news.example/a"),
        click(2, "ann", "/cart"),
        click(3, "bob", "/"),
    ]
    await store.insert("clicks", rows.clicks_rows(batch), token="a")

    assert await clicks.sites(store) == ("shop",)
    assert (await clicks.totals(store, "shop", HOUR)).views == 3
    _, visits = await clicks.visits(store, "shop", HOUR)
    assert [(one.views, one.visitors) for one in visits] == [(3, 2)]
    pages = await clicks.top_pages(store, "shop", HOUR)
    assert [(page.name, page.views, page.visitors) for page in pages] == [
        ("/", 2, 2),
        ("/cart", 1, 1),
    ]
    referrers = await clicks.top_referrers(store, "shop", HOUR)
    assert [(one.name, one.views) for one in referrers] == [("", 2), ("news.example", 1)]


async def test_times_nobody_can_mean_are_kept_within_bounds(store: StoreClient) -> None:
    event, at = log_event(1)
    impossible = msgspec.structs.replace(event, time=datetime(9999, 1, 1, tzinfo=UTC))
    await store_events(store, [(impossible, at)])

    stored = await events.by_id(store, id_of(1))

    assert stored is not None
    assert stored.event.time == datetime(2262, 1, 1, tzinfo=UTC)


async def test_field_names_are_told_by_what_decides_the_log_source(store: StoreClient) -> None:
    channel = "Microsoft-Windows-Sysmon/Operational"
    await store_events(
        store,
        [
            log_event(1, {"logsource.product": "linux", "logsource.service": ["sshd"], "a": 1}),
            log_event(2, {"logsource.product": "linux", "logsource.service": ["sshd"], "b": ["x"]}),
            log_event(3, {"Channel": channel, "EventID": 12, "EventType": "CreateKey"}),
            log_event(4, {"EventType": "anything", "user.name": "eve"}),
            log_event(7200, {"never": "seen"}),
        ],
    )

    found = {
        tuple(str(value) for value in one.routing.values()): (set(one.names), one.events)
        for one in await field_names.field_names(store, HOUR)
    }

    assert found == {
        ("linux", "['sshd']"): (
            {"message", "logsource.product", "logsource.service", "a", "b"},
            2,
        ),
        (channel, "12", "CreateKey"): ({"message", "Channel", "EventID", "EventType"}, 1),
        (): ({"message", "EventType", "user.name"}, 1),
    }
