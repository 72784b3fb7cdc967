"""The collectors over a real broker, as processes: what was acknowledged is in the log once."""

import asyncio
import json
import os
import signal
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import trustme
from confluent_kafka import Producer

from pipeline.collectors.role import CollectorsRole
from pipeline.schema.control import TokenGrant, decision_key, encode_decision
from pipeline.settings import PipelineSettings
from tests.support.collectors import CollectorsProcess, events, records
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

pytestmark = pytest.mark.process
TOKEN = "a token of the tests"
LINE = b"<34>1 2026-11-22T12:00:00Z mail sshd 1 - - message %d\n"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[StandaloneBroker]:
    """A broker on a fresh directory."""
    with StandaloneBroker(tmp_path / "broker") as started:
        yield started


def until_events(broker: str, count: int) -> None:
    until(lambda: len(records(broker, "events.log")) >= count, f"{count} events")


def grant_token(broker: str) -> None:
    """Make the token known, as the console does."""
    digest = sha256(TOKEN.encode()).hexdigest()
    grant = TokenGrant(id="tests", revision=1, digest=digest, role="ingest")
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    producer.produce("control", encode_decision(grant), decision_key(grant))
    assert producer.flush(60) == 0


def messages(broker: str) -> Counter[str]:
    return Counter(str(event.fields["message"]) for event in events(broker))


def expected(count: int) -> Counter[str]:
    return Counter(f"message {number}" for number in range(count))


def test_a_token_made_a_moment_ago_lets_a_sender_in(broker: StandaloneBroker) -> None:
    with CollectorsProcess(broker.address) as collectors:
        url = f"http://127.0.0.1:{collectors.ports['http']}/ingest/ndjson"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(trust_env=False, timeout=30) as client:
            before = client.post(url, content=b'{"message": "message 0"}', headers=headers)
            grant_token(broker.address)
            after = client.post(url, content=b'{"message": "message 0"}', headers=headers)

        assert (before.status_code, after.status_code) == (401, 200)
        assert messages(broker.address) == expected(1)
        assert events(broker.address)[0].source == "http:tests"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("victim", ["broker", "collectors"])
def test_what_http_acknowledged_is_kept_once_whoever_is_killed(
    broker: StandaloneBroker, victim: str
) -> None:
    acknowledged: list[int] = []
    unsure: list[int] = []
    stop = threading.Event()

    def send(url: str) -> None:
        """One request after another; a line is never sent twice."""
        number = 0
        with httpx.Client(trust_env=False, timeout=20) as client:
            while not stop.is_set():
                numbers = range(number, number + 50)
                number += 50
                body = b"".join(b'{"message": "message %d"}\n' % one for one in numbers)
                headers = {"Authorization": f"Bearer {TOKEN}"}
                try:
                    answer = client.post(url, content=body, headers=headers)
                    good = answer.status_code == 200
                except httpx.HTTPError:
                    good = False
                (acknowledged if good else unsure).extend(numbers)
                if not good:
                    time.sleep(0.1)

    with CollectorsProcess(broker.address) as collectors:
        grant_token(broker.address)
        url = f"http://127.0.0.1:{collectors.ports['http']}/ingest/ndjson"
        sender = threading.Thread(target=send, args=(url,))
        sender.start()
        for round_number in range(1, 4):
            goal = 1_000 * round_number
            until(lambda goal=goal: len(acknowledged) >= goal, "acknowledgements")  # type: ignore[misc]
            (broker if victim == "broker" else collectors).kill()
            (broker if victim == "broker" else collectors).start()
        until(lambda: len(acknowledged) >= 4_000, "acknowledgements after the last kill")
        stop.set()
        sender.join()
        collectors.stop()
        found = messages(broker.address)

    assert set(found.values()) == {1}
    assert {f"message {one}" for one in acknowledged} <= set(found)
    assert set(found) <= {f"message {one}" for one in acknowledged + unsure}


@pytest.mark.timeout(240)
def test_a_tcp_sender_loses_nothing_while_the_broker_is_away(broker: StandaloneBroker) -> None:
    total = 60_000
    with CollectorsProcess(broker.address) as collectors:
        address = ("127.0.0.1", collectors.ports["syslog_tcp"])
        with socket.create_connection(address) as sender:
            for number in range(total):
                sender.sendall(LINE % number)
                if number in (10_000, 30_000):
                    broker.kill()
                if number in (20_000, 40_000):
                    broker.start()
        until_events(broker.address, total)
        collectors.stop()
        assert messages(broker.address) == expected(total)


def test_a_stop_keeps_what_was_sent_before_it(broker: StandaloneBroker) -> None:
    total = 20_000
    with CollectorsProcess(broker.address) as collectors:
        address = ("127.0.0.1", collectors.ports["syslog_tcp"])
        with socket.create_connection(address) as sender:
            sender.sendall(b"".join(LINE % number for number in range(total)))
            os.kill(collectors.pid, signal.SIGTERM)
            assert sender.recv(1) == b""
        assert collectors.stop() == 0
        assert messages(broker.address) == expected(total)


def test_syslog_over_tls_from_certificate_files(broker: StandaloneBroker, tmp_path: Path) -> None:
    authority = trustme.CA()
    identity = authority.issue_cert("localhost")
    identity.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    identity.cert_chain_pems[0].write_to_path(str(tmp_path / "chain.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    syslog = {
        "tls_certificate": str(tmp_path / "chain.pem"),
        "tls_key": str(tmp_path / "key.pem"),
        "tls_port": 0,
    }

    with CollectorsProcess(broker.address, syslog=syslog) as collectors:
        address = ("127.0.0.1", collectors.ports["syslog_tls"])
        with (
            socket.create_connection(address) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as sender,
        ):
            sender.sendall(LINE % 0)
            until_events(broker.address, 1)

        assert messages(broker.address) == expected(1)


def test_a_taken_port_is_named(broker: StandaloneBroker) -> None:
    with CollectorsProcess(broker.address) as other:
        settings = PipelineSettings.model_validate(
            {
                "bus": {"url": f"kafka://{broker.address}"},
                "syslog": {"port": 0},
                "http": {"port": other.ports["http"]},
            }
        )

        with pytest.raises(OSError, match=r"http: .*ddress already in use"):
            asyncio.run(CollectorsRole(settings).run(ready=lambda: None))


def test_health_names_every_listener(broker: StandaloneBroker) -> None:
    with CollectorsProcess(broker.address) as collectors:
        names = set(json.loads(json.dumps(collectors.ports)))

    assert {"syslog_tcp", "syslog_udp", "http"} <= names
