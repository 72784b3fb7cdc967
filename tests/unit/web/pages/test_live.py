"""The live tail's page, and what its stream sends."""

import asyncio

from tests.support.console import TestedConsole
from tests.support.filled import SCRIPT, Backends
from web.operations.tail import View
from web.security.roles import Role
from web.streams.tail import Turns


async def test_the_page_streams_the_search_of_its_address(console: TestedConsole) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        page = (await browser.get("/live", params={"q": "user.name:root failed"})).text

    assert 'sse-connect="/streams/tail?q=user.name%3Aroot%20failed"' in page
    assert 'href="/search?q=user.name%3Aroot+failed"' in page
    assert "This page needs script." in page


async def test_a_search_that_cannot_be_read_is_said_and_not_streamed(
    console: TestedConsole,
) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        page = await browser.get("/live", params={"q": "("})
        streamed = await browser.get("/streams/tail", params={"q": "("})

    assert page.status_code == streamed.status_code == 422
    assert "This search cannot be read." in page.text
    assert "sse-connect" not in page.text


async def test_the_search_leads_to_its_live_tail(filled: TestedConsole) -> None:
    filled.account(Role.VIEWER)
    async with filled.browser() as browser:
        await browser.sign_in("viewer")

        page = (await browser.get("/search", params={"q": "a b"})).text

    assert 'href="/live?q=a+b"' in page


async def test_a_stream_wants_a_session(console: TestedConsole) -> None:
    async with console.browser() as browser:
        assert (await browser.get("/streams/tail")).status_code == 401


def test_a_turn_shows_new_rows_and_says_what_was_left_out(
    console: TestedConsole, backends: Backends
) -> None:
    view = View(matches=lambda _: True)
    turns = Turns(console.console, view.matches, asyncio.Event())
    for event in backends.company.events[-2:]:
        view.look(event)
    view.dropped, view.skipped = 3, 1_200

    first, second = turns.messages(view), turns.messages(view)

    newest, older = (event.id for event in reversed(backends.company.events[-2:]))
    assert first["rows"].index(newest) < first["rows"].index(older)
    assert SCRIPT not in first["rows"]
    assert "2 of 2 events match, 3 of them not shown" in first["counts"]
    assert "1,200 not looked at" in first["counts"]
    assert set(second) == {"counts"}
