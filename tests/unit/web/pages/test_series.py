"""The pages over metrics and clicks, with a real store behind them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from pipeline.settings import PipelineSettings
from pipeline.store import rows
from pipeline.store.client import StoreClient
from pipeline.store.migrate import migrate
from tests.support.console import TestedConsole
from tests.support.store import StoreProcess
from tests.support.stored_values import NOON, click, sample
from web.security.roles import Role


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    process = StoreProcess(tmp_path_factory.mktemp("store"))
    process.start()
    asyncio.run(fill(process))
    yield process
    process.stop()


async def fill(process: StoreProcess) -> None:
    await migrate(process.settings)
    batch = [
        sample(at * 60, "requests_total", float(at * code), code=str(code))
        for code in range(200, 225)
        for at in range(5)
    ]
    event, at = click(3, "bob", "")
    told = {**event.fields, "url.full": "https://shop.example/checkout?a=1"}
    clicks = [click(1, "ann", "/<b>"), (msgspec.structs.replace(event, fields=told), at)]
    event, at = click(4, "ann", "/cart")
    did = {**event.fields, "click.event": "bought"}
    clicks.append((msgspec.structs.replace(event, fields=did), at))
    async with StoreClient(process.settings) as client:
        samples, names = rows.samples_rows(batch)
        await client.insert("samples", samples, token="samples")
        await client.insert("series", names, token="series")
        await client.insert("clicks", rows.clicks_rows(clicks), token="clicks")


@pytest.fixture
async def console(tmp_path: Path, store: StoreProcess) -> AsyncIterator[TestedConsole]:
    made = TestedConsole(tmp_path, PipelineSettings(store=store.reader))
    made.account(Role.VIEWER)
    yield made
    await made.console.store.close()
    made.database.close()


async def get(console: TestedConsole, path: str) -> tuple[int, str]:
    async with console.browser() as browser:
        await browser.sign_in("viewer")
        console.clock.now = NOON + timedelta(minutes=10)
        answer = await browser.get(path)
    return answer.status_code, answer.text


async def test_without_a_metric_the_page_names_those_that_there_are(
    console: TestedConsole,
) -> None:
    _, found = await get(console, "/series")

    assert "Choose a metric" in found
    assert 'href="/series?metric=requests_total"' in found


async def test_the_twenty_highest_series_are_drawn_and_the_others_counted(
    console: TestedConsole,
) -> None:
    _, found = await get(console, "/series?metric=requests_total&rate=off")

    document = re.search(r'id="graph-data">(.*?)</script>', found)
    assert document is not None
    graph = json.loads(document[1])
    assert len(graph["series"]) == 20
    assert graph["series"][0]["name"] == "code=224"
    assert graph["series"][0]["values"][-1] == 4 * 224
    assert "20 of 25 series shown, the highest first; 5 lower ones are left out" in found


async def test_labels_narrow_a_counter_whose_increase_is_drawn(console: TestedConsole) -> None:
    _, found = await get(console, "/series?metric=requests_total&labels=code%3D240,code%3D210")

    assert "increase per second" in found
    assert "1 of 1 series shown" in found
    assert "3.5" in found


async def test_labels_that_cannot_be_read_are_named(console: TestedConsole) -> None:
    status, found = await get(console, "/series?metric=requests_total&labels=code")

    assert status == 422
    assert "Write labels as role=web" in found


async def test_clicks_show_pages_events_and_escape_what_visitors_sent(
    console: TestedConsole,
) -> None:
    _, found = await get(console, "/clicks?site=shop&range=1h")

    assert "/checkout" in found
    assert "/&lt;b&gt;" in found
    assert "bought" in found


async def test_a_site_that_was_never_heard_of_is_given_the_script(
    console: TestedConsole,
) -> None:
    _, found = await get(console, "/clicks?site=other")

    assert '&lt;script src="http://console.test:8088/t.js" data-site="other"' in found
