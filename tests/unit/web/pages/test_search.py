"""Search: what is typed, the drawer, the permalink, and addresses that hold everything."""

import re
from html import unescape

from tests.support.console import Browser, TestedConsole
from tests.support.filled import Backends
from web.security.roles import Role

DRAWER = {"HX-Request": "true", "HX-Target": "drawer"}


async def signed_in(filled: TestedConsole, browser: Browser) -> None:
    filled.account(Role.VIEWER)
    await browser.sign_in("viewer")


async def test_words_find_events_and_say_how_many(filled: TestedConsole) -> None:
    async with filled.browser() as browser:
        await signed_in(filled, browser)

        page = (await browser.get("/search", params={"q": "failed user7"})).text

    assert "1 event<" in page
    assert "Failed password for user7 from" in page
    assert "user8 from" not in page


async def test_a_search_that_cannot_be_read_says_where_and_offers_help(
    filled: TestedConsole,
) -> None:
    async with filled.browser() as browser:
        await signed_in(filled, browser)

        answer = await browser.get("/search", params={"q": '"unfinished'})

    assert answer.status_code == 422
    assert "This search cannot be read." in answer.text
    assert "What can be typed" in answer.text


async def test_nothing_found_says_how_far_it_looked_and_offers_more(
    filled: TestedConsole,
) -> None:
    async with filled.browser() as browser:
        await signed_in(filled, browser)

        page = (await browser.get("/search", params={"q": "nobody", "range": "1h"})).text

    assert "No event matches" in page
    assert "Widen to last 24 hours" in page


async def test_htmx_gets_the_drawer_alone(filled: TestedConsole, backends: Backends) -> None:
    event = backends.company.events[-1]
    async with filled.browser() as browser:
        await signed_in(filled, browser)

        block = await browser.get("/search", params={"event": event.id}, headers=DRAWER)

    assert "<!doctype html>" not in block.text
    assert event.raw.decode() in unescape(block.text)
    assert f"/events/{event.id}" in block.text


async def test_an_event_has_a_permalink_and_what_is_not_stored_is_said(
    filled: TestedConsole, backends: Backends
) -> None:
    event = backends.company.events[0]
    async with filled.browser() as browser:
        await signed_in(filled, browser)

        found = await browser.get(f"/events/{event.id}")
        missing = await browser.get("/events/00000000-0000-4000-8000-000000000000")
        broken = await browser.get("/events/not-an-id")

    assert found.status_code == 200
    assert event.raw.decode() in unescape(found.text)
    assert missing.status_code == broken.status_code == 404


async def test_a_range_of_its_own_is_kept_in_every_link(filled: TestedConsole) -> None:
    where = {"q": "failed", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
    async with filled.browser() as browser:
        await signed_in(filled, browser)

        page = unescape((await browser.get("/search", params=where)).text)

    assert "01 Jan 00:00 – 02 Jan 00:00" in page
    assert "from=2025-12-31T00%3A00%3A00Z&to=2026-01-01T00%3A00%3A00Z" in page  # earlier


async def test_who_is_not_signed_in_sees_no_event(
    filled: TestedConsole, backends: Backends
) -> None:
    async with filled.browser() as browser:
        answer = await browser.get(f"/events/{backends.company.events[0].id}")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


async def test_two_minutes_around_an_event_are_searched_with_its_drawer_open(
    filled: TestedConsole, backends: Backends
) -> None:
    event = backends.company.events[-1]
    async with filled.browser() as browser:
        await signed_in(filled, browser)
        permalink = unescape((await browser.get(f"/events/{event.id}")).text)
        (around,) = re.findall(r'href="(/search\?[^"]*from=[^"]*)" data-hotkey="c"', permalink)

        page = (await browser.get(around)).text

    assert f"event={event.id}" in around
    assert re.search(r'<tr aria-selected="true">.*' + re.escape(event.id), page)
    assert 'class="drawer"' in page
