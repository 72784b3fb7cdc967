"""Alerts: the queue, one alert with its exact events, and what people decide."""

from html import unescape

from tests.support.console import TestedConsole
from tests.support.filled import SCRIPT, Backends
from web.security.roles import Role


async def test_the_queue_lists_the_most_severe_first(filled: TestedConsole) -> None:
    filled.account(Role.VIEWER)
    async with filled.browser() as browser:
        await browser.sign_in("viewer")

        page = (await browser.get("/alerts")).text

    assert page.index("A critical thing") < page.index("A high thing") < page.index("A medium")
    assert SCRIPT not in page


async def test_a_severity_hides_what_is_below_it(filled: TestedConsole) -> None:
    filled.account(Role.VIEWER)
    async with filled.browser() as browser:
        await browser.sign_in("viewer")

        page = (await browser.get("/alerts", params={"level": "high"})).text

    assert "A high thing happened" in page
    assert "A medium thing happened" not in page


async def test_an_alert_shows_its_exact_events(filled: TestedConsole, backends: Backends) -> None:
    alert = backends.company.alerts[0]
    filled.account(Role.VIEWER)
    async with filled.browser() as browser:
        await browser.sign_in("viewer")

        page = unescape((await browser.get(f"/alerts/{alert.id}")).text)

    for event in alert.events:
        assert f"/events/{event.id}" in page
    assert "The rule that fired is not loaded any more." in page


async def test_there_is_no_alert_of_another_id(filled: TestedConsole) -> None:
    filled.account(Role.VIEWER)
    async with filled.browser() as browser:
        await browser.sign_in("viewer")

        for wrong in ("00000000-0000-4000-8000-000000000000", "nonsense"):
            assert (await browser.get(f"/alerts/{wrong}")).status_code == 404


async def test_an_analyst_acknowledges_and_the_queue_is_shorter(
    filled: TestedConsole, backends: Backends
) -> None:
    alert = backends.company.alerts[1]
    filled.account(Role.ANALYST)
    async with filled.browser() as browser:
        await browser.sign_in("analyst")

        answer = await browser.submit("/alerts/act", action="acknowledge", alert=alert.id)
        open_page = (await browser.get("/alerts")).text
        taken = (await browser.get("/alerts", params={"state": "acknowledged"})).text

    assert answer.status_code == 303
    assert alert.id not in open_page
    assert alert.id in taken


async def test_a_viewer_cannot_decide(filled: TestedConsole, backends: Backends) -> None:
    filled.account(Role.VIEWER)
    async with filled.browser() as browser:
        await browser.sign_in("viewer")
        alert = backends.company.alerts[0]

        refused = await browser.submit("/alerts/act", action="close", alert=alert.id)
        page = (await browser.get(f"/alerts/{alert.id}")).text

    assert refused.status_code == 403
    assert "Deciding needs the role analyst" in page


async def test_an_unknown_action_changes_nothing(filled: TestedConsole, backends: Backends) -> None:
    filled.account(Role.ANALYST)
    async with filled.browser() as browser:
        await browser.sign_in("analyst")

        answer = await browser.submit(
            "/alerts/act", action="explode", alert=backends.company.alerts[0].id
        )

    assert answer.status_code == 422


async def test_afterwards_nobody_is_sent_to_another_site(
    filled: TestedConsole, backends: Backends
) -> None:
    filled.account(Role.ANALYST)
    async with filled.browser() as browser:
        await browser.sign_in("analyst")

        answer = await browser.submit(
            "/alerts/act",
            action="acknowledge",
            alert=backends.company.alerts[2].id,
            back="https://elsewhere.example/",
        )

    assert answer.headers["location"] == "/alerts"
