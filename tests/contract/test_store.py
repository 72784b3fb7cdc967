"""What every engine behind the store's seam does alike."""

import pytest

from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.schema.event import Value
from pipeline.settings import StoreSettings
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.event_rows import EVENT_COLUMNS
from pipeline.store.migrate import migrate
from pipeline.store.rows import event_of, events_rows
from tests.support.stored_values import log_event

COUNT = NamedQuery(name="count", sql="SELECT count() FROM events", parameters={})


async def test_a_batch_written_twice_with_its_token_is_stored_once(store: StoreClient) -> None:
    batch = events_rows([log_event(number) for number in range(100)])

    await store.insert("events", batch, token="events.log:0:0-99")
    await store.insert("events", batch, token="events.log:0:0-99")

    assert (await store.query(COUNT))[0][0] == 100


async def test_the_same_rows_with_another_token_are_stored_again(store: StoreClient) -> None:
    batch = events_rows([log_event(number) for number in range(100)])

    await store.insert("events", batch, token="a")
    await store.insert("events", batch, token="b")

    assert (await store.query(COUNT))[0][0] == 200


async def test_an_event_comes_back_as_it_was(store: StoreClient) -> None:
    fields: dict[str, Value] = {
        "logsource.product": "windows",
        "logsource.service": ["security", "system"],
        "user.name": ["root", "ädmin"],
        "host.name": "",
        "EventID": 4625,
        "ratio": 0.25,
        "elevated": True,
        "empty": [],
        "quote": "it's \\ \t\n'",
    }
    event, at = log_event(7, fields)
    await store.insert("events", events_rows([(event, at)]), token="one")

    rows = await store.query(
        NamedQuery(name="all", sql=f"SELECT {', '.join(EVENT_COLUMNS)} FROM events", parameters={})
    )

    stored = event_of(rows[0])
    assert stored.event == event
    assert (stored.topic, stored.partition, stored.offset) == ("events.log", 0, 7)


async def test_a_query_may_not_write(store: StoreClient) -> None:
    with pytest.raises(StoreRefused):
        await store.query(NamedQuery(name="w", sql="TRUNCATE TABLE events", parameters={}))


async def test_a_query_that_takes_too_long_is_stopped(store: StoreClient) -> None:
    endless = NamedQuery(
        name="endless",
        sql="SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))",
        parameters={},
        seconds=1,
    )

    with pytest.raises(StoreUnavailable, match="159"):
        await store.query(endless)


async def test_values_are_bound_and_never_read_as_sql(store: StoreClient) -> None:
    hostile = "'; DROP TABLE events; -- \\' {x:String} %s"

    rows = await store.query(
        NamedQuery(name="echo", sql="SELECT {value:String}", parameters={"value": hostile})
    )

    assert rows[0][0] == hostile


async def test_migrating_again_changes_nothing(
    store: StoreClient, store_settings: StoreSettings
) -> None:
    assert await migrate(store_settings) == 0
