"""``./tocsin up`` as a newcomer meets it: one start, one sign-in, honest refusals, a clean end."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.product import PASSWORD, ROOT, Product, product
from tests.support.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("up") / "data") as found:
        yield found


def test_health_needs_no_sign_in_and_names_every_role(running: Product) -> None:
    answer = httpx.get(running.url(8440, "/healthz"), trust_env=False, timeout=60).json()

    assert {name: role["state"] for name, role in answer["roles"].items()} == dict.fromkeys(
        ("broker", "store", "sinks", "detections", "collectors", "web"), "running"
    )


def test_health_names_every_listener_of_the_collectors(running: Product) -> None:
    for port in (8440, 9446):
        answer = httpx.get(running.url(port, "/healthz"), trust_env=False, timeout=60).json()
        listeners = answer["roles"]["collectors"]["listeners"]

        assert {"syslog_udp", "syslog_tcp", "syslog_tls", "http"} <= set(listeners)
        assert {one["state"] for one in listeners.values()} == {"serving"}
        assert listeners["syslog_tcp"]["address"] == f"127.0.0.1:{running.port(5514)}"


def test_a_port_that_is_taken_while_its_role_is_away_is_named(running: Product) -> None:
    """Its listener cannot bind any more: the console says which, and serves again once it can."""
    address = ("127.0.0.1", running.port(5514))

    def trouble() -> str:
        url = running.url(8440, "/healthz")
        answer = httpx.get(url, trust_env=False, timeout=60).json()
        return str(answer["roles"]["collectors"].get("trouble", ""))

    def is_stolen() -> bool:
        """Be faster than the restart; on a busy machine that may take another try."""
        running.kill("collectors")
        try:
            thief.bind(address)
        except OSError:
            running.until_healthy()
            return False
        thief.listen()
        return True

    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        until(is_stolen, "the port is taken")
        until(lambda: "syslog_tcp" in trouble(), "the listener is named")
        assert "in use" in trouble()

    running.until_healthy()
    assert trouble() == ""


def test_every_role_and_the_console_show_their_metrics(running: Product) -> None:
    for port in (*range(9440, 9447), 8440):
        answer = httpx.get(running.url(port, "/metrics"), trust_env=False, timeout=60)

        assert answer.status_code == 200, port
        assert "process_cpu_seconds_total" in answer.text


def test_a_syslog_line_becomes_an_event_that_a_token_can_read(running: Product) -> None:
    token = running.token("viewer")
    with socket.create_connection(("127.0.0.1", running.port(5514))) as wire:
        wire.sendall(
            b"<38>Nov 22 12:00:01 web-01 sshd[7]: Connection closed by 192.0.2.7 port 22\n"
        )

    def found() -> list[dict[str, object]]:
        items: list[dict[str, object]] = running.get(
            "/api/v1/events", token, q='"192.0.2.7"', **{"from": "-400d"}
        )["items"]
        return items

    until(found, "the event is found")
    (event,) = found()
    assert event["source"] == "syslog:127.0.0.1"


def test_json_over_http_is_answered_once_it_is_on_disk(running: Product) -> None:
    ingest, viewer = running.token("ingest"), running.token("viewer")

    answer = httpx.post(
        running.url(8088, "/ingest/ndjson"),
        content=b'{"user":"ada","marker":"first"}\n{"user":"bob","marker":"second"}\n',
        headers={"Authorization": f"Splunk {ingest}"},
        trust_env=False,
        timeout=60,
    )

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    until(
        lambda: running.get("/api/v1/events", viewer, q="marker:second")["items"],
        "the second line is found",
    )


def test_the_ledger_adds_up(running: Product) -> None:
    token = running.token("viewer")

    def is_even() -> bool:
        totals = running.get("/api/v1/ledger", token)["totals"]
        accounted = totals["stored"] + totals["dead_lettered"] + totals["dropped"]
        return bool(totals["in_flight"] == 0 and totals["received"] == accounted > 0)

    until(is_even, "received = stored + dead-lettered + dropped")


def test_a_wrong_token_is_refused_everywhere(running: Product) -> None:
    wrong = {"Authorization": "Bearer tcs_wrong"}

    for port, path in ((8440, "/api/v1/events"), (8440, "/api/v1/ledger")):
        answer = httpx.get(running.url(port, path), headers=wrong, trust_env=False, timeout=60)
        assert answer.status_code == 401
    url = running.url(8088, "/ingest/ndjson")
    refused = httpx.post(url, content=b"{}", headers=wrong, trust_env=False, timeout=60)
    assert refused.status_code == 401


def test_a_second_up_over_the_same_data_says_so(running: Product) -> None:
    again = subprocess.run(
        [str(ROOT / "tocsin"), "up", "--data-dir", str(running.data_dir)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert again.returncode == 2
    assert "already running" in again.stderr


def test_a_taken_port_is_named_with_its_remedy(running: Product, tmp_path: Path) -> None:
    command = [str(ROOT / "tocsin"), "up", "--data-dir", str(tmp_path / "other")]
    other = subprocess.run(
        [*command, "--port-offset", str(running.offset)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert other.returncode == 2
    assert f"Port {running.port(9092)}" in other.stderr or "cannot be used" in other.stderr
    assert "--port-offset" in other.stderr


def test_an_unwritable_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    refused = subprocess.run(
        [str(ROOT / "tocsin"), "up", "--data-dir", str(tmp_path / "file" / "data")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 2
    assert "cannot be written" in refused.stderr


def test_a_killed_role_comes_back_and_the_console_shows_it(running: Product) -> None:
    running.kill("sinks")
    running.until_healthy()

    shown = httpx.get(running.url(8440, "/healthz"), trust_env=False, timeout=60).json()
    assert shown["roles"]["sinks"]["restarts"] == 1


def test_ctrl_c_stops_everything_and_the_next_start_has_everything(tmp_path: Path) -> None:
    first = Product(tmp_path / "data")
    printed = first.start()
    token, viewer = first.token("ingest"), first.token("viewer")
    httpx.post(
        first.url(8088, "/ingest/ndjson"),
        content=b'{"marker":"kept"}',
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=60,
    ).raise_for_status()

    assert first.stop() == 0
    second = Product(tmp_path / "data")
    second.start()
    try:
        until(
            lambda: second.get("/api/v1/events", viewer, q="marker:kept")["items"],
            "the event of the first run is found",
        )
    finally:
        second.stop()
    assert str(first.data_dir) in printed
    same = f"--data-dir {first.data_dir} --port-offset {first.offset}"
    assert f"--role ingest --config {first.config} {same})" in printed
    assert f"./tocsin demo --config {first.config} {same} " in printed
    assert PASSWORD not in printed


def test_only_the_roles_asked_for_are_started(tmp_path: Path) -> None:
    command = [str(ROOT / "tocsin"), "up", "--data-dir", str(tmp_path), "--roles", "brokr"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)

    assert refused.returncode == 2
    assert "There is no role brokr" in refused.stderr
