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
    assert f'href="/alerts/{alert.id}"' not in open_page
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


async def test_a_decision_is_told_once_and_taken_back(
    filled: TestedConsole, backends: Backends
) -> None:
    alert = backends.company.alerts[0]
    filled.account(Role.ANALYST)
    async with filled.browser() as browser:
        await browser.sign_in("analyst")

        await browser.submit("/alerts/act", action="close", alert=alert.id, reason="benign")
        told = (await browser.get("/alerts")).text
        again = (await browser.get("/alerts")).text
        await browser.submit("/alerts/act", action="undo", alert=alert.id)
        after = (await browser.get("/alerts")).text

    assert "1 alert closed." in told
    assert f'name="alert" value="{alert.id}"' in told
    assert "data-undo" in told
    assert "closed." not in again
    assert alert.id in after
    assert "1 alert as before again." in after
    assert "data-undo" not in after


async def test_what_changed_nothing_cannot_be_taken_back(
    filled: TestedConsole, backends: Backends
) -> None:
    alert = backends.company.alerts[0]
    filled.account(Role.ANALYST)
    async with filled.browser() as browser:
        await browser.sign_in("analyst")
        await browser.submit("/alerts/act", action="close", alert=alert.id, reason="benign")
        await browser.get("/alerts")

        await browser.submit("/alerts/act", action="acknowledge", alert=alert.id)
        page = (await browser.get("/alerts")).text

    assert "data-undo" not in page


async def test_a_live_page_is_told_how_many_alerts_of_its_own_came(
    filled: TestedConsole, backends: Backends
) -> None:
    filled.account(Role.VIEWER)
    fragment = {"HX-Request": "true", "HX-Target": "fresh"}
    async with filled.browser() as browser:
        await browser.sign_in("viewer")

        whole = (await browser.get("/alerts?level=high")).text
        none = (await browser.get("/alerts?level=high&seen=2", headers=fragment)).text
        came = (await browser.get("/alerts?level=high&seen=1", headers=fragment)).text
        all_of_them = (await browser.get("/alerts?seen=1", headers=fragment)).text

    assert 'hx-get="/alerts?level=high&amp;seen=2"' in whole
    assert none.strip() == ""
    assert "1 new" in came
    assert "3 new" in all_of_them
    assert "<table" not in came


async def test_the_way_back_stays_on_this_page(filled: TestedConsole, backends: Backends) -> None:
    alert = backends.company.alerts[0]
    filled.account(Role.ANALYST)
    async with filled.browser() as browser:
        await browser.sign_in("analyst")

        for back, there in (("/alertsx", "/alerts"), ("//evil.example", "/alerts")):
            answer = await browser.submit("/alerts/act", action="assign", alert=alert.id, back=back)
            assert answer.headers["location"] == there
