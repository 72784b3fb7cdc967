"""A backtest in the console: begun, followed, read; in a process of its own over a real log."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.schema.codec import encode_event
from pipeline.schema.topics import EVENTS_LOG
from pipeline.settings import BusSettings
from tests.support.broker import product_topics
from tests.support.console import NOWHERE, Browser, TestedConsole
from tests.support.stored_values import log_event
from web.operations import trials
from web.pages.backtest import SWITCHED_OFF
from web.rulebook import set_enabled
from web.security.audit import COMMAND_LINE
from web.security.roles import Role

ID = "11111111-0000-4000-8000-000000000001"
RULE = f"""\
title: Root signs in
id: {ID}
logsource: {{product: backtested}}
detection:
  who: {{user.name: root}}
  condition: who
level: high
"""


@pytest.fixture
async def console(bus: BusSettings, tmp_path: Path) -> AsyncIterator[TestedConsole]:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "root.yml").write_text(RULE)
    made = TestedConsole(
        tmp_path,
        rules=[tmp_path / "rules"],
        pipeline=NOWHERE.model_copy(update={"bus": bus}),
    )
    await made.console.rulebook.load()
    made.account(Role.ANALYST)
    await product_topics(bus)
    events = [
        log_event(number, {"logsource.product": "backtested", "user.name": user})[0]
        for number, user in enumerate(["root", "eve", "root", "eve"])
    ]
    now = datetime.now(UTC)
    async with Producer(bus, client_id="test") as producer:
        await producer.publish(
            [
                OutgoingRecord(
                    topic=EVENTS_LOG, value=encode_event(msgspec.structs.replace(event, time=now))
                )
                for event in events
            ]
        )
    yield made
    await made.console.trials.close()
    made.database.close()


async def answered(
    ask: Callable[[], Coroutine[Any, Any, httpx.Response]], text: str
) -> httpx.Response:
    """The first answer that says so."""
    async with asyncio.timeout(60):
        while text not in (answer := await ask()).text:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return answer


async def run(browser: Browser, subject: str) -> httpx.Response:
    """Run a backtest to its end; the page that shows it."""
    begun = await browser.submit(f"/rules/{subject}/backtest", span="1h", one_in="1")
    assert begun.status_code == 303, begun.text
    return await answered(lambda: browser.get(begun.headers["location"]), "What was looked at")


async def test_what_a_rule_would_have_said_is_shown(console: TestedConsole) -> None:
    async with console.browser() as browser:
        await browser.sign_in("analyst")
        page = await run(browser, ID)

    trial = console.console.trials.of(ID)
    assert trial is not None
    assert trial.outcome is not None
    assert trial.outcome.report.rules[0].alerts >= 2
    assert "Alerts each day" in page.text
    assert EVENTS_LOG in page.text


async def test_rules_that_are_switched_off_are_tried_at_once(console: TestedConsole) -> None:
    await console.database.run(set_enabled, ID, enabled=False, actor=COMMAND_LINE)
    async with console.browser() as browser:
        await browser.sign_in("analyst")
        page = await run(browser, SWITCHED_OFF)

    assert "Root signs in" in page.text
    assert "of 1 rules" in page.text


async def test_a_backtest_is_stopped(console: TestedConsole) -> None:
    async with console.browser() as browser:
        await browser.sign_in("analyst")
        await browser.submit(f"/rules/{ID}/backtest", span="1h", one_in="1")
        await browser.submit(f"/rules/{ID}/backtest/cancel")
        page = await answered(lambda: browser.get(f"/rules/{ID}/backtest"), "It was stopped.")

    assert "Run again" in page.text


async def test_a_backtest_that_says_too_much_is_given_up_in_words(
    console: TestedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "_LINE_BYTES", 16)
    async with console.browser() as browser:
        await browser.sign_in("analyst")
        await browser.submit(f"/rules/{ID}/backtest", span="1h", one_in="1")
        page = await answered(lambda: browser.get(f"/rules/{ID}/backtest"), "could not be done")

    assert "more to say than 16 bytes" in page.text
