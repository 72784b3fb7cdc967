"""The supervisor: order, restarts with backoff, and an honest state for every role."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.supervisor import RoleCommand, RoleFailed, State, Supervisor
from tests.support.ports import free_port

ROLE = """
import http.server, os, signal, sys
name, port, journal, told = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
def note(what):
    with open(journal, "a") as file: file.write(f"{what} {name}\\n")
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(told.encode())
    def log_message(self, *arguments): pass
def stop(*_): note("stopped"); os._exit(0)
signal.signal(signal.SIGTERM, stop)
note("started")
http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()
"""


def role(tmp_path: Path, name: str, told: str = "") -> RoleCommand:
    port = free_port()
    return RoleCommand(
        name=name,
        command=[sys.executable, "-c", ROLE, name, str(port), str(tmp_path / "journal"), told],
        health_url=f"http://127.0.0.1:{port}/healthz",
        log_file=tmp_path / f"{name}.log",
    )


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - another process is watched
            await asyncio.sleep(0.01)


def roles_of(supervisor: Supervisor) -> dict[str, dict[str, object]]:
    roles = supervisor.report()[1]["roles"]
    assert isinstance(roles, dict)
    return roles


async def test_roles_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    supervisor = Supervisor([role(tmp_path, "broker"), role(tmp_path, "web")])
    ready = asyncio.Event()
    running = asyncio.create_task(supervisor.run(ready.set))
    await asyncio.wait_for(ready.wait(), 60)

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    journal = (tmp_path / "journal").read_text().splitlines()
    assert journal == ["started broker", "started web", "stopped web", "stopped broker"]


async def test_a_role_that_dies_is_started_again_and_shown(tmp_path: Path) -> None:
    supervisor = Supervisor([role(tmp_path, "broker")])
    ready = asyncio.Event()
    running = asyncio.create_task(supervisor.run(ready.set))
    await asyncio.wait_for(ready.wait(), 60)
    first = roles_of(supervisor)["broker"]["pid"]
    assert isinstance(first, int)

    os.kill(first, signal.SIGKILL)
    await until(lambda: roles_of(supervisor)["broker"]["restarts"] == 1)
    assert not supervisor.report()[0]
    await until(lambda: supervisor.report()[0])

    report = roles_of(supervisor)["broker"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert report["state"] == State.RUNNING
    assert report["last_exit"] == -signal.SIGKILL
    assert report["pid"] != first


async def test_a_role_that_cannot_start_stops_the_others_and_shows_its_last_words(
    tmp_path: Path,
) -> None:
    broken = RoleCommand(
        name="store",
        command=[sys.executable, "-c", "raise SystemExit('no such disk')"],
        health_url=f"http://127.0.0.1:{free_port()}/healthz",
        log_file=tmp_path / "store.log",
    )
    supervisor = Supervisor([role(tmp_path, "broker"), broken])

    with pytest.raises(RoleFailed, match=r"store role ended with status 1[\s\S]*no such disk"):
        await supervisor.run(lambda: None)

    assert (tmp_path / "journal").read_text().splitlines()[-1] == "stopped broker"


async def test_what_a_role_says_of_itself_is_passed_on(tmp_path: Path) -> None:
    listeners = {"syslog_tcp": {"state": "serving", "address": "127.0.0.1:5514", "detail": ""}}
    told = json.dumps({"trouble": "the disk is full", "listeners": listeners, "secret": "x"})
    supervisor = Supervisor([role(tmp_path, "broker"), role(tmp_path, "web", told)])
    ready = asyncio.Event()
    running = asyncio.create_task(supervisor.run(ready.set))
    await asyncio.wait_for(ready.wait(), 60)

    healthy, report = supervisor.report()
    roles = roles_of(supervisor)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert (healthy, report["status"]) == (False, "degraded")
    assert roles["web"]["state"] == State.RUNNING
    assert (roles["web"]["trouble"], roles["web"]["listeners"]) == ("the disk is full", listeners)
    assert "secret" not in roles["web"]
    assert "trouble" not in roles["broker"]
