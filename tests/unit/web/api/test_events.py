from datetime import datetime

import httpx
import pytest

from tests.support.console import TestedConsole
from tests.support.filled import Backends
from web.security.audit import COMMAND_LINE
from web.security.roles import Role
from web.security.tokens import create_token, list_tokens, revoke_token


def _bearer(console: TestedConsole, role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(console.database, role, f'{role} test')}"}


async def _get(console: TestedConsole, path: str, role: str = "viewer") -> httpx.Response:
    headers = _bearer(console, role)
    async with console.browser() as client:
        return await client.get(path, headers=headers)


async def test_a_search_finds_the_exact_event(filled: TestedConsole, backends: Backends) -> None:
    wanted = backends.company.events[42]

    answer = await _get(filled, "/api/v1/events?q=user.name:user42")

    (found,) = answer.json()["items"]
    assert found["id"] == wanted.id
    assert found["raw"] == wanted.raw.decode()
    assert found["fields"]["user.name"] == "user42"
    assert (found["topic"], found["offset"] >= 0) == ("events.log", True)
    assert answer.json()["next"] is None


async def test_pages_follow_one_another_without_gap_or_overlap(
    filled: TestedConsole, backends: Backends
) -> None:
    seen: list[str] = []
    path = "/api/v1/events?limit=40"
    while path:
        body = (await _get(filled, path)).json()
        seen += [item["id"] for item in body["items"]]
        path = f"/api/v1/events?limit=40&after={body['next']}" if body["next"] else ""

    assert sorted(seen) == sorted(event.id for event in backends.company.events)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("form", ["rfc3339", "seconds", "milliseconds"])
async def test_a_range_is_understood_however_it_is_written(
    filled: TestedConsole, backends: Backends, form: str
) -> None:
    begin, end = backends.company.events[10].time, backends.company.events[20].time
    headers = _bearer(filled, "viewer")

    async with filled.browser() as client:
        answer = await client.get(
            "/api/v1/events",
            params={"from": _written(begin, form), "to": _written(end, form)},
            headers=headers,
        )

    assert len(answer.json()["items"]) == 10


def _written(time: datetime, form: str) -> str:
    if form == "rfc3339":
        return time.isoformat()
    return f"{time.timestamp() * (1000 if form == 'milliseconds' else 1):.6f}"


async def test_a_relative_range_counts_from_now(filled: TestedConsole) -> None:
    some = (await _get(filled, "/api/v1/events?from=-10m&limit=1000")).json()["items"]
    everything = (await _get(filled, "/api/v1/events?from=-2h&limit=1000")).json()["items"]

    assert 0 < len(some) < len(everything) == 90


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("from=yesterday", "is not a time"),
        ("q=(", "missing"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("after=nonsense", "marker"),
        ("from=now&to=-1h", "ends before it begins"),
        ("from=-999999d", "is not a time"),
    ],
)
async def test_what_cannot_be_read_is_a_problem_with_a_sentence(
    filled: TestedConsole, query: str, says: str
) -> None:
    answer = await _get(filled, f"/api/v1/events?{query}")

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422
    assert says in problem["detail"]


async def test_an_event_is_read_by_its_id(filled: TestedConsole, backends: Backends) -> None:
    wanted = backends.company.events[3]

    assert (await _get(filled, f"/api/v1/events/{wanted.id}")).json()["id"] == wanted.id
    missing = await _get(filled, "/api/v1/events/018f0000-0000-7000-8000-000000000000")
    assert missing.status_code == 404
    assert (await _get(filled, "/api/v1/events/nonsense")).status_code == 422


async def test_without_a_good_token_nothing_is_read(console: TestedConsole) -> None:
    secret = create_token(console.database, "viewer", "old")
    (token,) = list_tokens(console.database)
    revoke_token(console.database, token.id, actor=COMMAND_LINE)
    async with console.browser() as client:
        for value in ("", "Bearer", "Bearer tcs_guess", "Basic YWRtaW46eA==", f"Bearer {secret}"):
            for path in ("events", "alerts", "ledger", "rules", "events/x", "alerts/x"):
                answer = await client.get(
                    f"/api/v1/{path}", headers={"Authorization": value} if value else {}
                )
                assert answer.status_code == 401, (value, path)
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.headers["content-type"] == "application/problem+json"


async def test_an_ingest_token_sends_and_reads_nothing(console: TestedConsole) -> None:
    for path in ("events", "alerts", "ledger", "rules"):
        answer = await _get(console, f"/api/v1/{path}", role="ingest")

        assert answer.status_code == 403
        assert "ingest" in answer.json()["detail"]


async def test_a_browser_s_session_is_no_token(console: TestedConsole) -> None:
    async with console.browser() as browser:
        await browser.sign_in(console.account(Role.ADMINISTRATOR))

        assert (await browser.get("/api/v1/alerts")).status_code == 401


async def test_a_store_that_is_away_is_said_to_be(console: TestedConsole) -> None:
    answer = await _get(console, "/api/v1/events")

    assert answer.status_code == 503
    assert "Nothing is lost" in answer.json()["detail"]
