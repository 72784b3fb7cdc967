from typing import Any

from tests.support.console import TestedConsole
from tests.support.filled import Backends
from web.security.audit import latest
from web.security.tokens import create_token


class Api:
    """A program that calls the console with a token."""

    def __init__(self, console: TestedConsole, role: str) -> None:
        self._console = console
        secret = create_token(console.database, role, f"{role} test")
        self._headers = {"Authorization": f"Bearer {secret}"}

    async def get(self, path: str) -> Any:
        async with self._console.browser() as client:
            return (await client.get(f"/api/v1/{path}", headers=self._headers)).json()

    async def post(self, path: str, body: object = None) -> tuple[int, Any]:
        async with self._console.browser() as client:
            answer = await client.post(f"/api/v1/{path}", json=body, headers=self._headers)
            return answer.status_code, answer.json()


async def test_alerts_lead_to_the_exact_records(filled: TestedConsole, backends: Backends) -> None:
    listed = await Api(filled, "viewer").get("alerts")

    by_id = {item["id"]: item for item in listed["items"]}
    for alert in backends.company.alerts:
        found = by_id[alert.id]
        assert found["rule_title"] == alert.rule_title
        assert found["rule_author"] == "Tocsin"
        assert found["state"] == "open"
        assert [(at["topic"], at["partition"], at["offset"]) for at in found["events"]] == [
            (at.topic, at.partition, at.offset) for at in alert.events
        ]


async def test_an_analyst_takes_and_closes_an_alert(
    filled: TestedConsole, backends: Backends
) -> None:
    analyst = Api(filled, "analyst")
    id = backends.company.alerts[0].id

    status, taken = await analyst.post(f"alerts/{id}/acknowledge")
    assert (status, taken["state"], taken["revision"]) == (200, "acknowledged", 1)
    assert [item["id"] for item in (await analyst.get("alerts?state=acknowledged"))["items"]] == [
        id
    ]
    assert id not in [item["id"] for item in (await analyst.get("alerts?state=open"))["items"]]

    status, closed = await analyst.post(
        f"alerts/{id}/close", {"reason": "benign", "note": "planned", "revision": 1}
    )
    assert (status, closed["state"], closed["reason"]) == (200, "closed", "benign")

    actions = [record.action for _, record in latest(filled.database, limit=2)]
    assert actions == ["alert_closed", "alert_acknowledged"]


async def test_a_viewer_decides_nothing(filled: TestedConsole, backends: Backends) -> None:
    viewer = Api(filled, "viewer")
    id = backends.company.alerts[0].id

    for action, body in (("acknowledge", None), ("close", {"reason": "benign"})):
        status, problem = await viewer.post(f"alerts/{id}/{action}", body)
        assert (status, "analyst" in problem["detail"]) == (403, True)

    assert (await viewer.get(f"alerts/{id}"))["state"] == "open"


async def test_who_decides_on_an_old_revision_is_told_who_was_first(
    filled: TestedConsole, backends: Backends
) -> None:
    analyst = Api(filled, "analyst")
    id = backends.company.alerts[0].id
    await analyst.post(f"alerts/{id}/acknowledge")

    status, problem = await analyst.post(f"alerts/{id}/close", {"reason": "benign", "revision": 0})

    assert status == 409
    assert "token analyst test changed this alert to acknowledged" in problem["detail"]


async def test_a_reason_of_one_s_own_is_refused(filled: TestedConsole, backends: Backends) -> None:
    id = backends.company.alerts[0].id

    for body in ({"reason": "whatever"}, {}, {"reason": "benign", "extra": 1}):
        status, _ = await Api(filled, "analyst").post(f"alerts/{id}/close", body)
        assert status == 422


async def test_an_alert_that_does_not_exist_cannot_be_taken(filled: TestedConsole) -> None:
    missing = "018f0000-0000-8000-8000-000000000000"

    status, _ = await Api(filled, "analyst").post(f"alerts/{missing}/acknowledge")

    assert status == 404
