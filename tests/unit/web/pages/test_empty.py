"""Pages on a console that has seen nothing yet: each says so, none fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import BusSettings, PipelineSettings
from pipeline.store.migrate import migrate
from tests.support.console import TestedConsole
from tests.support.store import StoreProcess
from web.security.roles import Role

EVENT = "018f0000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """A store with its tables and nothing in them."""
    made = StoreProcess(tmp_path_factory.mktemp("store"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def empty(tmp_path: Path, store: StoreProcess) -> TestedConsole:
    await migrate(store.settings)
    bus = BusSettings(url="kafka://127.0.0.1:1")
    return TestedConsole(tmp_path, PipelineSettings(bus=bus, store=store.reader))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/alerts", "Nothing here needs anybody"),
        ("/alerts?state=closed&q=x&level=high", "No such alerts"),
        ("/search", "No events"),
        ("/search?q=x", "No event matches"),
        (f"/search?event={EVENT}", "This event is not stored"),
        ("/rules", "No rules are loaded"),
        ("/series", "No metric is stored yet"),
        ("/series?metric=up", "No metric is stored yet"),
        ("/clicks", "No site has sent anything yet"),
        ("/clicks?site=shop", "No site has sent anything yet"),
        ("/notifications", "No destination yet"),
    ],
)
async def test_an_empty_page_says_what_it_looked_at(
    empty: TestedConsole, path: str, said: str
) -> None:
    empty.account(Role.ADMINISTRATOR)
    async with empty.browser() as browser:
        await browser.sign_in("administrator")

        answer = await browser.get(path)

    assert answer.status_code == 200
    assert said in answer.text
