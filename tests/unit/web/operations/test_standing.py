"""The roles as pages see them: what the supervisor says, and whoever must know at once."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from pipeline.errors import StoreUnavailable
from web.operations.standing import MOST_STATUS_BYTES, RoleState, Standing, Watch, read_status
from web.settings import WebSettings


class Supervisor:
    """Answers what it is told to."""

    def __init__(self) -> None:
        self.answer = httpx.Response(200, json={"status": "ok", "roles": {}})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """One answer."""
        return self.answer

    def says(self, **roles: str) -> None:
        """What it answers from now on, until told otherwise."""
        body = {"status": "ok", "roles": {name: {"state": state} for name, state in roles.items()}}
        self.answer = httpx.Response(200, content=json.dumps(body))


@pytest.fixture
def supervisor() -> Supervisor:
    return Supervisor()


@pytest.fixture
async def client(supervisor: Supervisor) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(supervisor)) as made:
        yield made


async def _three() -> int:
    return 3


async def test_whoever_asked_hears_of_a_change_and_of_nothing_else(
    supervisor: Supervisor, client: httpx.AsyncClient
) -> None:
    heard: list[str] = []
    watch = Watch(WebSettings(), _three)
    watch.changed = lambda: heard.append(watch.standing.sentence)

    for states in (("running",), ("running",), ("restarting",), ("running",)):
        supervisor.says(store=states[0])
        await watch.look(client)

    assert heard == ["All 1 roles running", "Store restarting", "All 1 roles running"]


async def test_open_alerts_are_unknown_while_the_store_is_away_and_the_roles_stay() -> None:
    async def away() -> int:
        raise StoreUnavailable("away")

    watch = Watch(WebSettings(), away)
    watch.standing = Standing(roles={"web": RoleState(state="running")}, open_alerts=7)

    found = await watch.count()

    assert found.open_alerts is None
    assert "web" in found.roles


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"status": 1}', b" " * (MOST_STATUS_BYTES + 1), b'{"roles": []}']
)
async def test_words_that_are_no_supervisor_s_are_no_state(
    supervisor: Supervisor, client: httpx.AsyncClient, body: bytes
) -> None:
    supervisor.answer = httpx.Response(200, content=body)

    assert await read_status(client, WebSettings()) is None


@pytest.mark.parametrize(
    ("states", "dot", "sentence"),
    [
        ({"a": "running", "b": "running"}, "ok", "All 2 roles running"),
        ({"a": "running", "store": "starting"}, "late", "Store starting"),
        ({"a": "stopped", "b": "starting"}, "failed", "2 of 2 roles in trouble"),
    ],
)
def test_the_worst_role_colours_the_whole(states: dict[str, str], dot: str, sentence: str) -> None:
    roles = {name: RoleState(state=state) for name, state in states.items()}
    standing = Standing(roles=roles, reachable=True)

    assert (standing.dot, standing.sentence) == (dot, sentence)


def test_a_role_that_runs_in_trouble_says_why() -> None:
    role = RoleState(state="running", trouble="the disk is full")
    standing = Standing(roles={"broker": role, "web": RoleState(state="running")}, reachable=True)

    assert (standing.dot, standing.sentence) == ("late", "Broker running: the disk is full")
