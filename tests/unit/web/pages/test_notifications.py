"""Notifications: destinations by hand, their tests, and what came of the deliveries."""

import re
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.bus.position import Position
from pipeline.schema.delivery import Delivery, DeliveryStatus, delivery_id
from pipeline.store.client import StoreClient
from pipeline.store.rows import deliveries_rows
from tests.support.console import Browser, TestedConsole
from tests.support.filled import Backends
from web.notify import destinations
from web.security.roles import Role

URL = "http://127.0.0.1:9/hook"
FRAGMENT = {"HX-Request": "true", "HX-Target": "outcomes"}


async def _engineer(console: TestedConsole, browser: Browser) -> str:
    """Sign in and add a destination; its id."""
    console.account(Role.ENGINEER)
    await browser.sign_in("engineer")
    await browser.submit("/notifications", name="chat", url=URL, minimum_level="high")
    return destinations(console.database)[0].id


def _outcome(test_id: str, destination: str, time: datetime) -> Delivery:
    return Delivery(
        id=delivery_id(test_id, destination, 1),
        alert_id=test_id,
        alert_topic="control",
        alert_partition=0,
        alert_offset=7,
        destination=destination,
        attempt=1,
        status=DeliveryStatus.DELIVERED,
        time=time,
        duration_ms=34,
        response_status=204,
    )


async def test_a_new_destination_shows_its_secret_once(filled: TestedConsole) -> None:
    filled.account(Role.ENGINEER)
    async with filled.browser() as browser:
        await browser.sign_in("engineer")

        made = await browser.submit("/notifications", name="chat", url=URL, minimum_level="high")
        again = await browser.get("/notifications")

    (secret,) = re.findall(r'<code class="secret">([\w-]+)</code>', made.text)
    assert "shown this once" in made.text
    assert secret not in again.text
    assert "chat" in again.text


async def test_what_was_typed_wrong_stays_typed(filled: TestedConsole) -> None:
    filled.account(Role.ENGINEER)
    async with filled.browser() as browser:
        await browser.sign_in("engineer")

        answer = await browser.submit("/notifications", name="chat", url="gopher://x")

    assert answer.status_code == 422
    assert 'value="gopher://x"' in answer.text
    assert "An address begins with https://" in answer.text


async def test_a_test_is_on_its_way_until_its_outcome_is_stored(
    filled: TestedConsole, backends: Backends
) -> None:
    async with filled.browser() as browser:
        made = await _engineer(filled, browser)

        before = (await browser.get("/notifications")).text
        pressed = await browser.submit(f"/notifications/{made}/test", tests="0")
        twice = await browser.submit(f"/notifications/{made}/test", tests="0")
        waiting = (await browser.get("/notifications")).text
        (shown,) = destinations(filled.database)
        outcome = _outcome(shown.test_id, made, filled.clock.now - timedelta(seconds=1))
        async with StoreClient(backends.store.settings) as store:
            rows = deliveries_rows([(outcome, Position("deliveries", 0, 1))])
            await store.insert("deliveries", rows, token=outcome.id)
        after = (await browser.get("/notifications", headers=FRAGMENT)).text

    assert "never" in before
    assert (pressed.status_code, twice.status_code) == (303, 303)
    assert shown.tests == 1
    assert "On its way" in waiting
    assert 'hx-trigger="every 1s"' in waiting
    assert "Taken, 204 in 34 ms" in after
    assert ">Test</span>" in after
    assert "hx-trigger" not in after
    assert after.lstrip().startswith('<div class="stack" id="outcomes"')


async def test_a_test_that_nobody_answers_can_be_asked_for_again(filled: TestedConsole) -> None:
    async with filled.browser() as browser:
        made = await _engineer(filled, browser)
        await browser.submit(f"/notifications/{made}/test", tests="0")
        waiting = (await browser.get("/notifications")).text

        filled.clock.turn(minutes=3)
        page = (await browser.get("/notifications")).text

    assert "The last test is on its way" in waiting
    assert "Not answered by the sink" in page
    assert "The last test is on its way" not in page
    assert 'name="tests" value="1"' in page


async def test_a_paused_destination_says_why_it_is_not_tested(filled: TestedConsole) -> None:
    async with filled.browser() as browser:
        made = await _engineer(filled, browser)
        await browser.submit(f"/notifications/{made}", enabled="false")

        page = (await browser.get("/notifications")).text
        refused = await browser.submit(f"/notifications/{made}/test", tests="0")

    assert 'disabled title="Resume it first"' in page
    assert refused.status_code == 422


async def test_an_analyst_sees_and_changes_nothing(filled: TestedConsole) -> None:
    async with filled.browser() as browser:
        made = await _engineer(filled, browser)
    filled.account(Role.ANALYST)
    async with filled.browser() as browser:
        await browser.sign_in("analyst")

        page = await browser.get("/notifications")
        refused = [
            await browser.submit(path)
            for path in (f"/notifications/{made}/test", f"/notifications/{made}/remove")
        ]

    assert "chat" in page.text
    assert "Send a test" not in page.text
    assert {answer.status_code for answer in refused} <= {403, 422}
    assert destinations(filled.database)[0].tests == 0


async def test_without_a_store_destinations_are_still_managed(
    console: TestedConsole, tmp_path: Path
) -> None:
    async with console.browser() as browser:
        made = await _engineer(console, browser)
        await browser.submit(f"/notifications/{made}/test", tests="0")

        page = (await browser.get("/notifications")).text
        asked = re.search(rf'<details class="asked">.*?action="/notifications/{made}/remove"', page)
        gone = await browser.submit(f"/notifications/{made}/remove")
        nothing = await browser.submit("/notifications/nobody/remove")

    assert "The store did not answer." in page
    assert "On its way" in page
    assert asked, "one click removes nothing"
    assert gone.status_code == 303
    assert nothing.status_code == 404
    assert destinations(console.database) == []
