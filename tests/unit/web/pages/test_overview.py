from pathlib import Path

import pytest

from tests.support.console import TestedConsole
from tests.support.filled import SCRIPT, Backends
from web.security.roles import Role

FRAGMENT = {"HX-Request": "true"}


async def test_the_overview_says_what_fired_and_whether_data_flows(
    filled: TestedConsole,
) -> None:
    filled.account(Role.VIEWER)
    async with filled.browser() as browser:
        await browser.sign_in("viewer")

        page = (await browser.get("/")).text

    assert "<!doctype html>" in page
    assert "A critical thing happened" in page
    assert "4 in 24 hours, by hour" in page
    assert 'aria-label="Agrees"' in page
    assert "web-01</span></li>" in page
    assert page.index("A critical thing") < page.index("A high thing") < page.index("A medium")


async def test_what_machines_wrote_is_never_markup(filled: TestedConsole) -> None:
    filled.account(Role.VIEWER)
    async with filled.browser() as browser:
        await browser.sign_in("viewer")

        page = (await browser.get("/")).text

    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


async def test_htmx_gets_the_block_it_asked_for(filled: TestedConsole) -> None:
    filled.account(Role.VIEWER)
    async with filled.browser() as browser:
        await browser.sign_in("viewer")

        whole = await browser.get("/", headers=FRAGMENT)
        strip = await browser.get("/", headers={**FRAGMENT, "HX-Target": "strip"})
        boosted = await browser.get("/", headers={**FRAGMENT, "HX-Boosted": "true"})
        restored = await browser.get(
            "/", headers={**FRAGMENT, "HX-History-Restore-Request": "true"}
        )

    assert "<!doctype" not in whole.text
    assert "Needs someone" in whole.text
    assert "Open alerts" in strip.text
    assert "Needs someone" not in strip.text
    assert "<!doctype html>" in boosted.text
    assert "<!doctype html>" in restored.text
    for answer in (whole, strip, boosted, restored):
        assert "HX-Request" in answer.headers["vary"]
        assert "HX-Target" in answer.headers["vary"]


async def test_with_store_and_log_away_the_page_says_so_and_stands(
    console: TestedConsole,
) -> None:
    console.account(Role.VIEWER)
    async with console.browser() as browser:
        await browser.sign_in("viewer")

        for path in ("/", "/pipeline"):
            answer = await browser.get(path)
            assert answer.status_code == 200
            assert "The store did not answer" in answer.text

        assert (await browser.get("/topics")).status_code == 503


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/pipeline",
        "/topics",
        "/topics/events.log",
        "/topics/events.log?tab=groups",
        "/topics/events.log?tab=partitions",
        "/notifications",
    ],
)
async def test_pages_are_whole_without_script_and_hold_none_inline(
    filled: TestedConsole, path: str
) -> None:
    filled.account(Role.ENGINEER)
    async with filled.browser() as browser:
        await browser.sign_in("engineer")

        answer = await browser.get(path)

    assert answer.status_code == 200
    assert answer.text.count("<h1") == 1
    assert " style=" not in answer.text
    assert "<script>" not in answer.text


async def test_records_of_a_topic_can_be_read(filled: TestedConsole, backends: Backends) -> None:
    filled.account(Role.VIEWER)
    async with filled.browser() as browser:
        await browser.sign_in("viewer")
        found = [
            (await browser.get(f"/topics/events.log?partition={number}")).text
            for number in range(6)
        ]
        assert any(backends.company.events[-1].id in page for page in found)

        assert (await browser.get("/topics/nothing")).status_code == 404
        assert (await browser.get("/topics/events.log?partition=99")).status_code == 404
        assert (await browser.get("/topics/events.log?partition=x")).status_code == 422


def test_every_template_is_used_by_a_screen_or_a_layout() -> None:
    templates = Path("web/templates")
    text = "".join(path.read_text() for path in Path("web").rglob("*.py"))
    text += "".join(path.read_text() for path in templates.rglob("*.html"))
    for path in (templates / "pages").glob("*.html"):
        assert f'"{path.stem}"' in text or f"pages/{path.name}" in text, path.name
