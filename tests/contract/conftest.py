"""The engines behind the seams: ours always, Apache Kafka where it is fetched, a given server.

``TOCSIN_TEST_CLICKHOUSE=http://user:password@host:8123/database`` gives a server; its tables are
dropped. Without it the server's column is reported UNVERIFIED.
``TOCSIN_TEST_KAFKA=kafka://host:port`` gives another cluster than the Apache Kafka that the tests
start.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from pipeline.settings import BusSettings, StoreSettings
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.migrate import migrate
from tests.support.apache_kafka import ApacheKafka
from tests.support.standalone_broker import StandaloneBroker
from tests.support.store import KEPT_DAYS, StoreProcess

SERVER = "TOCSIN_TEST_CLICKHOUSE"
KAFKA = "TOCSIN_TEST_KAFKA"


@pytest.fixture(scope="session")
def embedded_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """One embedded store for the whole session, migrated."""
    process = StoreProcess(Path(tmp_path_factory.mktemp("store")))
    process.start()
    asyncio.run(migrate(process.settings))
    yield process
    process.stop()


@pytest.fixture(params=["embedded", "server"])
def store_settings(request: pytest.FixtureRequest) -> StoreSettings:
    """How to reach each engine, migrated."""
    if request.param == "embedded":
        process: StoreProcess = request.getfixturevalue("embedded_store")
        return process.settings
    if SERVER not in os.environ:
        pytest.skip(f"UNVERIFIED: no ClickHouse server given by {SERVER}")
    url = urlsplit(os.environ[SERVER])
    return StoreSettings(
        url=f"{url.scheme}://{url.hostname}:{url.port}",
        username=url.username or "default",
        password=SecretStr(url.password or ""),
        database=url.path.strip("/") or "default",
        retention_days=KEPT_DAYS,
    )


@pytest.fixture
async def store(store_settings: StoreSettings) -> AsyncIterator[StoreClient]:
    """A client of each engine, its tables there and empty."""
    await migrate(store_settings)
    async with StoreClient(store_settings) as client:
        tables = await client.query(
            NamedQuery(
                name="tables",
                sql="SELECT name FROM system.tables WHERE database = currentDatabase()"
                " AND engine LIKE '%MergeTree' AND name != 'schema_migrations'",
                parameters={},
            )
        )
        for (table,) in tables:
            await client.command(f"TRUNCATE TABLE {table}")
        yield client


@pytest.fixture(scope="session")
def broker_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneBroker]:
    """One broker of ours for the whole session."""
    with StandaloneBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture(params=["broker_core", pytest.param("kafka", marks=pytest.mark.peer("kafka"))])
def bus(request: pytest.FixtureRequest) -> BusSettings:
    """How to reach each cluster."""
    if request.param == "broker_core":
        broker: StandaloneBroker = request.getfixturevalue("broker_process")
        return BusSettings(url=f"kafka://{broker.address}")
    if KAFKA in os.environ:
        return BusSettings(url=os.environ[KAFKA])
    kafka: ApacheKafka = request.getfixturevalue("apache_kafka")
    return BusSettings(url=f"kafka://{kafka.address}")
