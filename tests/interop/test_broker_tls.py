"""The TLS listener with librdkafka, kcat and aiokafka: whom clients trust, and whom they are."""

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from prometheus_client import REGISTRY

from broker_core.settings import Access, BrokerSettings, TlsSettings
from tests.support.broker_thread import BrokerThread, Run
from tests.support.certificates import Authority
from tests.support.produced import first_told
from tests.support.waiting import until

SECONDS = 30
RECORD = bytes(100_000)  # larger than a TLS record
Configuration = dict[str, str | int | float | bool]


class TlsBroker(BrokerThread):
    """A restricted broker with a TLS listener that knows one authority's certificates."""

    def __init__(self, directory: Path, *, required: bool = False, run: Run = asyncio.run) -> None:
        self.authority = Authority(directory)
        self.certificate = self.authority.issue("broker")
        tls = TlsSettings(
            port=0,
            certificate=self.certificate,
            client_ca=self.authority.path,
            require_client_certificate=required,
        )
        settings = BrokerSettings(
            data_dir=directory / "data", port=0, access=Access.RESTRICTED, tls=tls
        )
        super().__init__(settings, run=run)

    @property
    def tls_address(self) -> str:
        return f"127.0.0.1:{self.broker.tls_port}"

    def client(self, certificate: Path | None = None, ca: Path | None = None) -> Configuration:
        configuration: Configuration = {
            "bootstrap.servers": self.tls_address,
            "security.protocol": "SSL",
            "ssl.ca.location": str(ca or self.authority.path),
            "log_level": 0,
        }
        if certificate is not None:
            configuration["ssl.certificate.location"] = str(certificate)
            configuration["ssl.key.location"] = str(certificate)
        return configuration


@pytest.fixture(scope="module", params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsBroker]:
    """Knows its clients if they show a certificate; with the topics of these tests."""
    with TlsBroker(tmp_path_factory.mktemp("tls"), run=request.param) as running:
        admin = AdminClient(running.client(running.authority.issue("admin", common_name="admin")))
        new = [NewTopic(name, 1, 1) for name in ("events.log", "raw.tls")]
        for made in admin.create_topics(new).values():
            made.result(SECONDS)
        yield running


def outcome(configuration: Configuration, topic: str) -> int | None:
    """Produce a record; None, or the code of what went wrong."""
    error = first_told(configuration, topic, RECORD)
    return error.code() if error else None


def is_refused(configuration: Configuration, code: int) -> bool:
    """Whether a client hears of this failure, among others and in any order, and delivers nothing.

    A failed handshake is told twice: what it was, and that no broker is left.
    """
    error = first_told(configuration, "raw.tls", RECORD, awaited=code)
    return error is not None and error.code() == code


def test_a_certificate_signs_its_subject_in_and_without_one_a_client_is_a_stranger(
    broker: TlsBroker,
) -> None:
    known = broker.authority.issue("sensor", common_name="sensor", organization_name="Ab, Oy")

    assert outcome(broker.client(known), "events.log") is None
    assert outcome(broker.client(), "events.log") == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert outcome(broker.client(), "raw.tls") is None


def test_clients_are_led_back_to_the_listener_they_came_by(broker: TlsBroker) -> None:
    over_tls = AdminClient(broker.client()).list_topics(timeout=SECONDS)
    plain = AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=SECONDS)

    assert [f"{node.host}:{node.port}" for node in over_tls.brokers.values()] == [
        broker.tls_address
    ]
    assert [f"{node.host}:{node.port}" for node in plain.brokers.values()] == [broker.address]


def test_a_client_refuses_a_broker_of_an_authority_it_does_not_know(
    broker: TlsBroker, tmp_path: Path
) -> None:
    assert is_refused(broker.client(ca=Authority(tmp_path).path), KafkaError._SSL)


def test_a_certificate_of_another_authority_is_refused(broker: TlsBroker, tmp_path: Path) -> None:
    foreign = Authority(tmp_path).issue("mallory", common_name="admin")

    before = handshakes_failed()

    assert is_refused(broker.client(foreign), KafkaError._ALL_BROKERS_DOWN)
    until(lambda: handshakes_failed() > before, "the broker counts what it refused")


def handshakes_failed() -> float:
    name = "kafka_server_socketservermetrics_connections_refused_total"
    return REGISTRY.get_sample_value(name, {"reason": "tls_handshake"}) or 0


def test_plain_text_and_old_tls_are_refused_and_hurt_nobody(broker: TlsBroker) -> None:
    assert broker.broker.tls_port is not None
    address = ("127.0.0.1", broker.broker.tls_port)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(broker.authority.path)
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1

    async def shake_hands(context: ssl.SSLContext) -> None:
        _, writer = await asyncio.open_connection(
            *address, ssl=context, server_hostname="127.0.0.1"
        )
        writer.close()
        await writer.wait_closed()

    async def say_in_plain_text(data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(SECONDS):
            answer = await reader.read()
        writer.close()
        return answer

    with pytest.raises((ssl.SSLError, ConnectionError)):
        asyncio.run(shake_hands(old))
    answer = asyncio.run(say_in_plain_text(b"\0\0\0\x10\0\x12\0\0\0\0\0\1\0\2meabcd"))
    assert answer[:1] in (b"", b"\x15"), "nothing, or a TLS alert"
    assert outcome(broker.client(), "raw.tls") is None


async def test_aiokafka_writes_over_tls(broker: TlsBroker) -> None:
    context = ssl.create_default_context(cafile=str(broker.authority.path))
    context.load_cert_chain(broker.authority.issue("python", common_name="python"))
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.tls_address, security_protocol="SSL", ssl_context=context
    )

    async with producer:
        sent = await producer.send_and_wait("events.log", bytes(300_000))

    assert sent.topic == "events.log"


@pytest.mark.peer("kcat")
def test_kcat_writes_and_reads_over_tls_with_a_certificate(broker: TlsBroker) -> None:
    certificate = broker.authority.issue("kcat", common_name="kcat")
    lines = "".join(f"line {number} {'x' * 500}\n" for number in range(2000))
    options = [f"-X{name}={value}" for name, value in broker.client(certificate).items()]

    def kcat(*arguments: str, stdin: str = "") -> str:
        finished = subprocess.run(
            ["kcat", *options, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    before = int(kcat("-Q", "-t", "events.log:0:-1").rsplit(" ", 1)[1])
    kcat("-P", "-t", "events.log", stdin=lines)
    read = kcat("-C", "-t", "events.log", "-o", str(before), "-e", "-q")

    assert read == lines


def test_where_a_certificate_is_required_nobody_comes_without(tmp_path: Path) -> None:
    with TlsBroker(tmp_path, required=True, run=uvloop.run) as broker:
        known = broker.authority.issue("sensor", common_name="sensor")
        admin = AdminClient(broker.client(known))
        admin.create_topics([NewTopic("raw.tls", 1, 1)])["raw.tls"].result(SECONDS)

        assert outcome(broker.client(known), "raw.tls") is None
        assert is_refused(broker.client(), KafkaError._ALL_BROKERS_DOWN)


def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    with TlsBroker(tmp_path, run=uvloop.run) as broker:
        assert broker.broker.tls_port is not None
        address = ("127.0.0.1", broker.broker.tls_port)
        producer = Producer(broker.client())
        producer.list_topics(timeout=SECONDS)  # a connection that began with the old one

        first = shown(address, broker.authority)
        broker.authority.issue("broker")
        for _ in range(SECONDS * 10):
            renewed = shown(address, broker.authority)
            if renewed != first:
                break
            threading.Event().wait(0.1)

        assert renewed != first
        assert producer.list_topics(timeout=SECONDS).brokers


def shown(address: tuple[str, int], authority: Authority) -> bytes | None:
    """The certificate that a broker shows now."""

    async def connect() -> bytes | None:
        context = ssl.create_default_context(cafile=str(authority.path))
        _, writer = await asyncio.open_connection(*address, ssl=context)
        found: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
        return found

    return asyncio.run(connect())
