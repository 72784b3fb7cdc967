"""``python -m broker_core`` says what keeps it from starting."""

import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewTopic

from tests.support.standalone_broker import StandaloneBroker

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.process
@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("0.0.0.0:0", "0.0.0.0 is not a loopback address"),
        ("nowhere:0", "'nowhere' does not appear to be"),
        ("127.0.0.1:http", "invalid literal"),
    ],
)
def test_an_address_it_cannot_use_is_named(tmp_path: Path, listen: str, said: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "broker_core", "--data-dir", str(tmp_path), "--listen", listen],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
    )

    assert finished.returncode == 1
    assert finished.stderr.startswith("broker_core: ")
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.process
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("groups.max_fun=3", "groups.max_fun"),
        ("groups.max_members=many", "groups.max_members"),
        ("port.number=3", "port has no settings below it"),
    ],
)
def test_a_setting_it_does_not_have_is_named(tmp_path: Path, setting: str, said: str) -> None:
    command = [sys.executable, "-m", "broker_core", "--data-dir", str(tmp_path)]
    finished = subprocess.run(
        [*command, "--listen", "127.0.0.1:0", "--set", setting],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
    )

    assert finished.returncode == 1
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.process
@pytest.mark.parametrize(
    ("secret", "arguments", "said"),
    [
        (None, (), "needs --secret-file"),
        ("short", ("--secret-file", "secret"), "holds no secret"),
    ],
)
def test_a_controller_without_a_secret_does_not_start(
    tmp_path: Path, secret: str | None, arguments: tuple[str, ...], said: str
) -> None:
    if secret is not None:
        (tmp_path / "secret").write_text(secret)
    named = [str(tmp_path / each) if each == "secret" else each for each in arguments]
    command = [sys.executable, "-m", "broker_core", "--data-dir", str(tmp_path / "data")]
    finished = subprocess.run(
        [*command, "--listen", "127.0.0.1:0", "--controller", *named],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
    )

    assert finished.returncode == 1
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.process
def test_with_acls_only_what_an_entry_is_about_is_closed(tmp_path: Path) -> None:
    with StandaloneBroker(tmp_path / "data", "--acls") as broker:
        client = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
        for made in client.create_topics([NewTopic("mine", 1, 1), NewTopic("kept", 1, 1)]).values():
            made.result(60)
        topic, literal = ResourceType.TOPIC, ResourcePatternType.LITERAL
        anything, deny = AclOperation.ALL, AclPermissionType.DENY
        nobody = AclBinding(topic, "kept", literal, "User:*", "*", anything, deny)
        client.create_acls([nobody])[nobody].result(60)

        gone = client.delete_topics(["mine", "kept"])

        gone["mine"].result(60)
        with pytest.raises(KafkaException, match="AUTHORIZATION_FAILED"):
            gone["kept"].result(60)


@pytest.mark.process
def test_without_auto_creation_nobody_makes_a_topic_by_asking(tmp_path: Path) -> None:
    with StandaloneBroker(tmp_path / "data", "--no-auto-create") as broker:
        client = AdminClient({"bootstrap.servers": broker.address, "log_level": 0})
        told = client.list_topics("nothing", timeout=60).topics["nothing"].error

    assert told is not None
    assert told.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
