"""Bad input at every door of the whole product: an answer or a kept event each, nobody dies."""

import errno
import gzip
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import KafkaError, Producer

from tests.support.kills import account
from tests.support.load import read_journal
from tests.support.product import Product, product
from tests.support.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

TEN_MEGABYTES = 10 << 20
HUNG_UP = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
NOISE = random.Random(5).randbytes(64 << 10)
BROKEN_RULE = "title: Broken\nlogsource: {product: linux}\ndetection: {condition: nothing and}\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("bad") / "data") as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def neighbour(
    running: Product, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A well-behaved sender that is there all the while."""
    journal = tmp_path_factory.mktemp("neighbour") / "journal"
    command = [sys.executable, "-m", "tests.support.load", "--rate", "500"]
    command += ["--url", running.url(8088, "/ingest/ndjson"), "--token", running.token("ingest")]
    with subprocess.Popen([*command, "--journal", str(journal)]) as sender:
        yield sender, journal
        sender.terminate()


@pytest.fixture(scope="module")
def pids(running: Product) -> dict[str, int | None]:
    return running.pids()


@pytest.fixture(autouse=True)
def _nobody_dies(running: Product, pids: dict[str, int | None]) -> Iterator[None]:
    """Every test leaves each role's process as it was, and ready."""
    yield
    assert running.pids() == pids
    running.until_healthy()


@pytest.fixture(scope="module")
def viewer(running: Product) -> str:
    return running.token("viewer")


@pytest.fixture(scope="module")
def ingest(running: Product) -> str:
    return running.token("ingest")


def said_to(port: int, *pieces: bytes) -> bytes:
    """What a port answers to these bytes until it hangs up; empty if it says nothing."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        try:
            for piece in pieces:
                wire.sendall(piece)
            wire.shutdown(socket.SHUT_WR)
            while received := wire.recv(1 << 16):
                answer += received
        except OSError as error:
            if error.errno not in HUNG_UP:
                raise
    return answer


def sent(running: Product, path: str, body: bytes, token: str, **headers: str) -> httpx.Response:
    return httpx.post(
        running.url(8088, path),
        content=body,
        headers={"Authorization": f"Bearer {token}", **headers},
        timeout=60,
        trust_env=False,
    )


def found(running: Product, token: str, text: str) -> dict[str, Any]:
    """The one event with this text, once it is stored."""
    items: list[dict[str, Any]] = []

    def is_stored() -> bool:
        items[:] = running.get("/api/v1/events", token, q=f'"{text}"')["items"]
        return bool(items)

    until(is_stored, f"an event with {text}")
    (event,) = items
    return event


def parked(running: Product, reason: str, head: str) -> int:
    """How many dead letters there are for this reason whose head has this text."""
    sql = (
        "SELECT count() FROM dead_letters FINAL"
        f" WHERE reason = '{reason}' AND position(value, '{head}') > 0"
    )
    return int(running.query(sql)[0][0])


def test_counts_that_lie_are_parked_and_the_next_message_is_kept(
    running: Product, viewer: str
) -> None:
    port = running.port(5514)

    said_to(port, b"999999999 <13>bad-count and no more")
    said_to(port, b"40 <13>cut-short")
    said_to(port, b"99999999999999999999 <13>many-digits\n<13>after-them\n")

    until(lambda: parked(running, "too_long", "bad-count"), "the count that is too large")
    until(lambda: parked(running, "cut_off", "cut-short"), "the message that was cut off")
    line = found(running, viewer, "many-digits")
    assert line["raw"] == "99999999999999999999 <13>many-digits"
    assert found(running, viewer, "after-them")["raw"] == "<13>after-them"


def test_a_line_of_ten_megabytes_is_parked_and_the_next_one_kept(
    running: Product, viewer: str
) -> None:
    long = b"<13>ten-megabytes " + b"x" * TEN_MEGABYTES + b"\n"

    said_to(running.port(5514), long, b"<13>after-ten-megabytes\n")

    assert found(running, viewer, "after-ten-megabytes")["raw"] == "<13>after-ten-megabytes"
    until(lambda: parked(running, "too_long", "ten-megabytes"), "its head is parked")


def test_garbage_over_tcp_and_udp_is_kept_as_it_came(running: Product, viewer: str) -> None:
    said_to(running.port(5514), NOISE, b"\n\xff\xfe garbage-by-tcp \x80\x81\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in (b"", NOISE[:1400], b"\xff\xfe garbage-by-udp \x80\x81"):
            sender.sendto(datagram, ("127.0.0.1", running.port(5514)))

    for road in ("tcp", "udp"):
        event = found(running, viewer, f"garbage-by-{road}")
        raw = running.query(f"SELECT hex(raw) FROM events WHERE id = '{event['id']}'")
        wanted = b"\xff\xfe garbage-by-" + road.encode() + b" \x80\x81"
        assert bytes.fromhex(raw[0][0]) == wanted
        assert event["fields"]["parse_error"]


def test_bytes_that_are_no_tls_are_turned_away(running: Product) -> None:
    assert b"no-tls" not in said_to(running.port(6514), b"<13>no-tls\n" * 10)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (gzip.compress(b'{"a": 1}\n' * 1000)[:-20], {"Content-Encoding": "gzip"}, 400),
        (b"not gzip at all", {"Content-Encoding": "gzip"}, 400),
        (b'{"x": "' + b"x" * TEN_MEGABYTES + b'"}', {}, 413),
        (b"x", {"Content-Encoding": "made-up"}, 415),
    ],
    ids=["truncated", "no gzip", "ten megabytes", "unknown coding"],
)
def test_a_bad_body_is_answered_with_what_is_wrong(
    running: Product, ingest: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = sent(running, "/ingest/ndjson", body, ingest, **headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_json_that_breaks_off_is_kept_raw_beside_its_neighbours(
    running: Product, viewer: str, ingest: str
) -> None:
    body = b'{"broken-json": \n{"word": "whole-json"}\n\xff\xfe{broken-bytes\n'

    answer = sent(running, "/ingest/ndjson", body, ingest)

    assert (answer.status_code, answer.json()["accepted"]) == (200, 3)
    assert found(running, viewer, "broken-json")["fields"]["parse_error"]
    assert found(running, viewer, "whole-json")["fields"]["word"] == "whole-json"
    assert found(running, viewer, "broken-bytes")["raw_base64"]


@pytest.mark.parametrize("path", ["/ingest/ndjson", "/api/v1/write"])
def test_a_wrong_token_is_told_so(running: Product, path: str) -> None:
    assert sent(running, path, b"{}", "tcs_wrong").status_code == 401


def test_a_remote_write_that_cannot_be_read_is_told_so(running: Product, ingest: str) -> None:
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}

    for body in (NOISE, b"\x03\x08\xff\xff\xff"):
        answer = sent(running, "/api/v1/write", body, ingest, **headers)
        assert answer.status_code == 400
        assert answer.json()["detail"]


@pytest.mark.parametrize("port", [9092, 8123, 8440, 8088, 9441], ids=str)
@pytest.mark.parametrize(
    "pieces",
    [
        (NOISE,),
        (b"\x7f\xff\xff\xff" + NOISE,),
        (b"\x00\x00\x00\x08\x00\x12\x00\xff\x00\x00\x00\x01",),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * (1 << 20),),
    ],
    ids=["noise", "huge frame", "half a request", "paths", "length", "headers"],
)
def test_garbage_at_a_port_is_refused_or_ends_the_connection(
    running: Product, port: int, pieces: tuple[bytes, ...]
) -> None:
    answer = said_to(running.port(port), *pieces)

    assert b"root:" not in answer
    assert b"Traceback" not in answer
    assert not answer.startswith(b"HTTP/1.1 200")
    assert not answer.startswith(b"HTTP/1.1 500")


def test_a_store_account_with_a_wrong_password_hears_so(running: Product) -> None:
    headers = {"X-ClickHouse-User": "tocsin", "X-ClickHouse-Key": "wrong"}
    answer = httpx.post(
        running.url(8123), content="SELECT 1", headers=headers, trust_env=False, timeout=60
    )

    assert answer.status_code == 403


def test_garbage_that_others_produce_is_kept_and_they_write_nowhere_else(
    running: Product, viewer: str
) -> None:
    outcome: dict[str, str] = {}

    def note(topic: str) -> Callable[[KafkaError | None, object], None]:
        return lambda error, _: outcome.update({topic: str(error or "")})

    producer = Producer(
        {"bootstrap.servers": f"127.0.0.1:{running.port(9092)}", "log_level": 0, "acks": "all"}
    )
    for topic in ("raw.syslog", "raw.json", "raw.windows", "events.log", "control"):
        producer.produce(
            topic,
            b"\xff\x00 garbage-in-" + topic.encode() + b" {\x80",
            on_delivery=note(topic),
        )
    assert producer.flush(60) == 0

    assert {topic for topic, error in outcome.items() if not error} == {
        "raw.syslog",
        "raw.json",
        "raw.windows",
    }
    for topic in ("raw.syslog", "raw.json", "raw.windows"):
        event = found(running, viewer, f"garbage-in-{topic}")
        assert event["source"] == f"kafka:{topic}"
        assert event["raw_base64"]


def test_a_broken_rule_is_named_and_the_others_go_on(running: Product, viewer: str) -> None:
    (running.data_dir / "rules").mkdir(exist_ok=True)
    (running.data_dir / "rules" / "broken.yml").write_text(BROKEN_RULE)
    (running.data_dir / "rules" / "noise.yml").write_bytes(NOISE)

    def named() -> set[str]:
        problems = running.get("/api/v1/rules", viewer)["problems"]
        return {Path(problem["path"]).name for problem in problems if problem["reason"]}

    until(lambda: named() == {"broken.yml", "noise.yml"}, "both files are named")
    assert len(running.get("/api/v1/rules", viewer)["items"]) >= 12


def test_its_neighbour_has_lost_nothing_and_the_ledger_is_even(
    running: Product, neighbour: tuple["subprocess.Popen[bytes]", Path]
) -> None:
    """The last: it stops the neighbour, and counts what it and everybody else sent."""
    sender, journal = neighbour
    sender.terminate()
    sender.wait(timeout=150)

    made = account(running, read_journal(journal))

    assert made.unknown == 0
    assert made.sent > 0
    assert made.is_clean, made
    assert made.ledger["dead_lettered"] + made.ledger["dropped"] >= 4
