import asyncio
from pathlib import Path

from pipeline.store.client import StoreClient
from tests.support.console import TestedConsole
from tests.support.filled import Backends
from web.security.roles import Role
from web.security.tokens import create_token

TERMS = {"received", "stored", "dead_lettered", "dropped", "in_flight"}


async def test_deleting_one_stored_row_by_hand_turns_the_ledger_red(tmp_path: Path) -> None:
    running = await asyncio.to_thread(Backends(tmp_path).__enter__)
    try:
        console = TestedConsole(tmp_path, running.pipeline)
        secret = create_token(console.database, "viewer", "test")
        console.account(Role.VIEWER)
        async with console.browser() as browser:
            await browser.sign_in("viewer")
            headers = {"Authorization": f"Bearer {secret}"}
            before = (await browser.get("/api/v1/ledger", headers=headers)).json()
            page = (await browser.get("/pipeline")).text
            assert before["totals"] == {
                "received": 90, "stored": 90, "dead_lettered": 0, "dropped": 0, "in_flight": 0,
            }  # fmt: skip
            assert "Every event is accounted for." in page

            async with StoreClient(running.store.settings) as client:
                gone = running.company.events[0].id
                await client.command(f"DELETE FROM events WHERE id = '{gone}'")
            console.console.accountant.forget()

            after = (await browser.get("/api/v1/ledger", headers=headers)).json()
            page = (await browser.get("/pipeline")).text
            assert after["totals"]["received"] == 90
            assert after["totals"]["stored"] == 89
            assert "Not every event is accounted for." in page
            assert "1 missing" in page
        console.database.close()
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def test_the_ledger_has_exactly_its_terms(
    filled: TestedConsole,
) -> None:
    secret = create_token(filled.database, "viewer", "test")
    async with filled.browser() as client:
        body = (
            await client.get("/api/v1/ledger", headers={"Authorization": f"Bearer {secret}"})
        ).json()

    assert set(body) == {"totals", "sources"}
    assert set(body["totals"]) == TERMS
    assert {frozenset(source) for source in body["sources"]} == {frozenset({"source", *TERMS})}
    for term in TERMS - {"in_flight"}:
        assert sum(source[term] for source in body["sources"]) == body["totals"][term]
