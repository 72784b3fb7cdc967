"""The live tail: what is meant is shown, what is left out is counted, nobody reads for nobody."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.bus.admin import Admin
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.schema.codec import encode_event
from pipeline.schema.event import Event, EventIds, Kind
from pipeline.schema.topics import EVENTS_LOG, TOPICS
from pipeline.settings import BusSettings
from pipeline.store.search_language import parse
from pipeline.store.search_language.predicate import predicate
from tests.support.standalone_broker import StandaloneBroker
from web.operations import tail as tail_module
from web.operations.tail import MOST_VIEWS, VIEW_ROWS, Tail, View

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_IDS = EventIds(time.time_ns)


def _event(text: str) -> Event:
    return Event(
        id=_IDS.next(),
        kind=Kind.LOG,
        time=NOON,
        observed_time=NOON,
        source="syslog:a",
        fields={"message": text},
        raw=text.encode(),
    )


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusSettings]:
    made = StandaloneBroker(Path(tmp_path_factory.mktemp("log")))
    made.start()
    yield BusSettings(url=f"kafka://{made.address}")
    made.stop()


@pytest.fixture
async def bus(broker: BusSettings) -> BusSettings:
    await Admin(broker).ensure_topics(TOPICS)
    return broker


async def _publish(bus: BusSettings, *texts: str) -> None:
    async with Producer(bus, client_id="test") as producer:
        await producer.publish(
            [
                OutgoingRecord(topic=EVENTS_LOG, key=b"a", value=encode_event(_event(text)))
                for text in texts
            ]
        )


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 # the tail tells nobody
            await asyncio.sleep(0.05)


def test_a_view_keeps_what_its_search_means_the_newest_first() -> None:
    view = View(matches=predicate(parse("failed")))

    for text in ("failed one", "accepted", "failed two"):
        view.look(_event(text))

    assert [event.fields["message"] for event in view.take()] == ["failed two", "failed one"]
    assert (view.looked_at, view.matched, view.dropped) == (3, 2, 0)
    assert view.take() == []


def test_newer_matches_take_the_place_of_older_ones_and_those_are_counted() -> None:
    view = View(matches=lambda _: True)

    for number in range(VIEW_ROWS + 7):
        view.look(_event(f"event {number}"))

    taken = view.take()
    assert len(taken) == VIEW_ROWS
    assert taken[0].fields["message"] == f"event {VIEW_ROWS + 6}"
    assert view.dropped == 7


async def test_each_page_sees_what_comes_after_it_opened(bus: BusSettings) -> None:
    await _publish(bus, "before")
    tail = Tail(bus)

    with tail.view(lambda _: True) as everything, tail.view(predicate(parse("two"))) as some:
        async with asyncio.timeout(60):
            while not everything.looked_at:  # until it reads, events come
                await _publish(bus, "warm")
        await _publish(bus, "one", "two")
        await _until(lambda: some.matched == 1)

        shown = [event.fields["message"] for event in everything.take()]
        assert shown[:2] == ["two", "one"]
        assert "before" not in shown
        assert [event.fields["message"] for event in some.take()] == ["two"]


async def test_what_comes_faster_than_it_is_looked_at_is_skipped_and_counted(
    bus: BusSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "POLL_RECORDS", 10)
    monkeypatch.setattr(tail_module, "MOST_BEHIND", 20)
    tail = Tail(bus)

    with tail.view(lambda _: True) as view:
        async with asyncio.timeout(60):
            while not view.looked_at:
                await _publish(bus, "warm")
        before = view.looked_at + view.skipped
        await _publish(bus, *(f"event {number}" for number in range(500)))
        await _until(lambda: view.looked_at + view.skipped >= before + 500)

        assert view.skipped
        assert view.looked_at < 500


async def test_without_a_log_a_page_is_told_and_nobody_reads_for_nobody() -> None:
    tail = Tail(BusSettings(url="kafka://127.0.0.1:1"))

    with tail.view(lambda _: True) as view:
        await _until(lambda: bool(view.problem))

    assert "did not answer" in view.problem
    assert [
        task for task in asyncio.all_tasks() if task.get_name() == "tail" and not task.cancelling()
    ] == []


async def test_pages_that_look_are_limited(bus: BusSettings) -> None:
    tail = Tail(bus)
    views = [tail.view(lambda _: False) for _ in range(MOST_VIEWS)]
    for view in views:
        view.__enter__()

    was_full = tail.is_full
    for view in views:
        view.__exit__(None, None, None)

    assert was_full
    assert not tail.is_full
