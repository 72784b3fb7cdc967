"""Data of every release is opened and migrated by this one; none is left behind."""

import asyncio
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.store import rows
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.migrate import migrate, migrations
from pipeline.store.queries import alerts, clicks, events, series
from pipeline.store.queries.alerts import AlertFilter
from pipeline.store.queries.span import Span
from pipeline.store.search_language import parse
from tests.support.record_store_data import DIRECTORY, recorded_alerts, recorded_events
from tests.support.store import StoreProcess
from tests.support.stored_values import NOON, log_event

pytestmark = pytest.mark.process

ARCHIVES = sorted(DIRECTORY.glob("*.tar.gz"))
ALL = Span(NOON, NOON.replace(hour=23))
COUNT = NamedQuery(name="count", sql="SELECT count() FROM events", parameters={})


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name[: -len(".tar.gz")])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StoreProcess]:
    """A store over the data of a release, migrated."""
    directory = tmp_path_factory.mktemp("release")
    archive: Path = request.param
    with tarfile.open(archive) as tar:
        tar.extractall(directory, filter="data")
    process = StoreProcess(directory / "store")
    process.start()
    asyncio.run(migrate(process.settings))
    yield process
    process.stop()


def test_the_first_release_is_kept() -> None:
    assert "0.1.0.tar.gz" in [archive.name for archive in ARCHIVES]


async def test_everything_is_found_as_it_was_stored(store: StoreProcess) -> None:
    async with StoreClient(store.settings) as client:
        page = await events.search(client, parse(""), ALL, limit=1000)
        found = await alerts.alerts(client, AlertFilter())
        up = await series.series(client, "up", {"job": "a"})
        views = await clicks.totals(client, "shop", ALL)

    stored = {one.event.id: one.event for one in page.items if one.topic == "events.log"}
    assert stored.items() >= {event.id: event for event, _ in recorded_events()}.items()
    assert found.items == tuple(alert for alert, _ in reversed(recorded_alerts()))
    assert len(up) == 1
    assert views.views == 9


async def test_searches_use_what_was_indexed_then(store: StoreProcess) -> None:
    async with StoreClient(store.settings) as client:
        found = await events.search(client, parse('user:root "event 1"'), ALL)

    assert [one.event.fields["EventID"] for one in found.items] == [4625]


async def test_a_batch_of_then_is_not_stored_again_now(store: StoreProcess) -> None:
    batch = rows.events_rows(recorded_events())

    async with StoreClient(store.settings) as client:
        before = (await client.query(COUNT))[0][0]
        await client.insert("events", batch, token="recorded:events")
        after = (await client.query(COUNT))[0][0]

    assert before == after


async def test_new_events_are_stored_beside_the_old(store: StoreProcess) -> None:
    async with StoreClient(store.settings) as client:
        before = (await client.query(COUNT))[0][0]
        await client.insert("events", rows.events_rows([log_event(5000)]), token="new")
        after = (await client.query(COUNT))[0][0]

    assert after == before + 1


async def test_every_migration_of_this_release_is_applied_once(store: StoreProcess) -> None:
    history = NamedQuery(
        name="history",
        sql="SELECT number, count() FROM schema_migrations GROUP BY number ORDER BY number",
        parameters={},
    )

    assert await migrate(store.settings) == 0
    async with StoreClient(store.settings) as client:
        applied = [tuple(row) for row in await client.query(history)]

    assert applied == [(migration.number, 1) for migration in migrations()]
