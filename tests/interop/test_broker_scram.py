import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.errors import KafkaConnectionError  # type: ignore[import-untyped]
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from confluent_kafka.cimpl import NewTopic
from prometheus_client import REGISTRY

from broker_core.log.file_layout import POLICY
from broker_core.settings import Access, BrokerSettings
from tests.support.broker_thread import BrokerThread
from tests.support.produced import first_told

SECONDS = 30
MECHANISMS = {
    "SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256,
    "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512,
}
Configuration = dict[str, str | int | float | bool]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> BrokerSettings:
    return BrokerSettings(
        data_dir=tmp_path_factory.mktemp("broker"),
        port=0,
        access=Access.RESTRICTED,
        users={"admin": hashlib.sha256(b"admin's").hexdigest()},
    )


@pytest.fixture(scope="module")
def address(settings: BrokerSettings) -> Iterator[str]:
    """A broker with the topic ``events.log`` and one user for each mechanism."""
    with BrokerThread(settings) as running:
        admin = administrator(running.address)
        admin.create_topics([NewTopic("events.log", 1, 1)])["events.log"].result(SECONDS)
        for name, mechanism in MECHANISMS.items():
            upsert(admin, name.lower(), mechanism, b"pencil")
        yield running.address


def administrator(address: str) -> AdminClient:
    return AdminClient(signed_in(address, "PLAIN", "admin", "admin's"))


def upsert(admin: AdminClient, user: str, mechanism: ScramMechanism, password: bytes) -> None:
    info = ScramCredentialInfo(mechanism, 4096)
    change = UserScramCredentialUpsertion(user, info, password)
    admin.alter_user_scram_credentials([change])[user].result(SECONDS)


def signed_in(address: str, mechanism: str, user: str, password: str) -> Configuration:
    return {
        "bootstrap.servers": address,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
        "log_level": 0,
    }


def outcome(configuration: Configuration) -> KafkaError | None:
    """Produce one record; None if it arrived, else what the client was told of its sign-in."""
    return first_told(configuration, "events.log", b"x", awaited=KafkaError._AUTHENTICATION)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_user_made_through_the_protocol_signs_in(address: str, mechanism: str) -> None:
    assert outcome(signed_in(address, mechanism, mechanism.lower(), "pencil")) is None


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("user", ["known", "nobody"])
def test_a_wrong_password_and_an_unknown_user_are_told_the_same(
    address: str, mechanism: str, user: str
) -> None:
    name = mechanism.lower() if user == "known" else "nobody"

    error = outcome(signed_in(address, mechanism, name, "crayon"))

    assert error is not None
    assert "wrong user name or password" in error.str()


def test_a_credential_is_for_its_own_mechanism(address: str) -> None:
    assert outcome(signed_in(address, "SCRAM-SHA-512", "scram-sha-256", "pencil")) is not None
    assert outcome(signed_in(address, "PLAIN", "scram-sha-256", "pencil")) is not None


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_aiokafka_signs_in_and_is_refused_with_a_wrong_password(
    address: str, mechanism: str
) -> None:
    def producer(password: str) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=address,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism=mechanism,
            sasl_plain_username=mechanism.lower(),
            sasl_plain_password=password,
        )

    async with producer("pencil") as right:
        sent = await right.send_and_wait("events.log", b"from aiokafka")
    wrong = producer("crayon")
    with pytest.raises(KafkaConnectionError):
        await wrong.start()
    await wrong.stop()

    assert sent.topic == "events.log"


@pytest.mark.peer("kcat")
def test_kcat_signs_in(address: str) -> None:
    configuration = signed_in(address, "SCRAM-SHA-512", "scram-sha-512", "pencil")
    options = [f"-X{name}={value}" for name, value in configuration.items()]

    listed = subprocess.run(
        ["kcat", "-b", address, *options, "-L"], capture_output=True, text=True, timeout=SECONDS
    )

    assert 'topic "events.log" with 1 partitions' in listed.stdout


def test_users_are_described_changed_and_forgotten(address: str) -> None:
    admin = administrator(address)
    upsert(admin, "ada", ScramMechanism.SCRAM_SHA_256, b"first")
    upsert(admin, "ada", ScramMechanism.SCRAM_SHA_512, b"other")
    upsert(admin, "ada", ScramMechanism.SCRAM_SHA_256, b"second")

    named = admin.describe_user_scram_credentials(["ada"])
    everybody = admin.describe_user_scram_credentials()

    assert isinstance(named, dict)
    assert not isinstance(everybody, dict)
    described = named["ada"].result(SECONDS).scram_credential_infos
    assert {(info.mechanism, info.iterations) for info in described} == {
        (mechanism, 4096) for mechanism in MECHANISMS.values()
    }
    assert {"ada", *(name.lower() for name in MECHANISMS)} <= set(everybody.result(SECONDS))
    assert outcome(signed_in(address, "SCRAM-SHA-256", "ada", "first")) is not None
    assert outcome(signed_in(address, "SCRAM-SHA-256", "ada", "second")) is None
    forget = UserScramCredentialDeletion("ada", ScramMechanism.SCRAM_SHA_256)
    admin.alter_user_scram_credentials([forget])["ada"].result(SECONDS)
    assert outcome(signed_in(address, "SCRAM-SHA-256", "ada", "second")) is not None
    with pytest.raises(KafkaException) as refused:
        admin.alter_user_scram_credentials([forget])["ada"].result(SECONDS)
    assert refused.value.args[0].code() == KafkaError.RESOURCE_NOT_FOUND


def test_strangers_make_no_users(address: str) -> None:
    stranger = AdminClient({"bootstrap.servers": address})
    change = UserScramCredentialUpsertion(
        "mallory", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), b"x"
    )

    with pytest.raises(KafkaException) as refused:
        stranger.alter_user_scram_credentials([change])["mallory"].result(SECONDS)

    assert refused.value.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED


def test_users_outlive_the_broker_and_their_passwords_are_nowhere(tmp_path: Path) -> None:
    settings = BrokerSettings(
        data_dir=tmp_path,
        port=0,
        access=Access.RESTRICTED,
        users={"admin": hashlib.sha256(b"admin's").hexdigest()},
    )
    with BrokerThread(settings) as first:
        admin = administrator(first.address)
        admin.create_topics([NewTopic("events.log", 1, 1)])["events.log"].result(SECONDS)
        upsert(admin, "ada", ScramMechanism.SCRAM_SHA_512, b"a password of ada")

    with BrokerThread(settings) as second:
        ada = signed_in(second.address, "SCRAM-SHA-512", "ada", "a password of ada")
        assert outcome(ada) is None

    kept = (tmp_path / POLICY).read_bytes()
    assert b"ada" in kept
    assert b"a password of ada" not in kept
    assert (tmp_path / POLICY).stat().st_mode & 0o077 == 0


def test_a_session_is_renewed_by_librdkafka_before_it_ends(tmp_path: Path) -> None:
    settings = BrokerSettings.model_validate(
        {
            "data_dir": tmp_path,
            "port": 0,
            "users": {"admin": hashlib.sha256(b"admin's").hexdigest()},
            "session_lifetime": "PT3S",
        }
    )
    with BrokerThread(settings) as running:
        admin = administrator(running.address)
        admin.create_topics([NewTopic("events.log", 1, 1)])["events.log"].result(SECONDS)
        errors: list[KafkaError] = []
        producer = Producer(
            {
                **signed_in(running.address, "PLAIN", "admin", "admin's"),
                "error_cb": errors.append,
            }
        )
        # A client that the machine kept waiting past the end is closed: then look again.
        for _ in range(5):
            errors.clear()
            renewed = kept_signing_in(producer, times=3)
            if renewed and not errors:
                break

    assert renewed, "more sign-ins than connections, so some have signed in again"
    assert not errors


def kept_signing_in(producer: Producer, *, times: int) -> bool:
    """Produce until there have been that many sign-ins more."""
    before = sign_ins()
    for _ in range(SECONDS * 10):
        producer.produce("events.log", b"x")
        producer.flush(1)
        producer.poll(0.1)
        if sign_ins() >= before + times:
            return True
    return False


def sign_ins() -> float:
    name = "kafka_server_socketservermetrics_successfulauthentication_total"
    return REGISTRY.get_sample_value(name) or 0
