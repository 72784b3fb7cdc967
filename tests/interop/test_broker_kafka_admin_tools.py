"""Apache Kafka's own tools as an administrator uses them: lists, SCRAM users, quotas."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.settings import Access, BrokerSettings
from tests.support.broker_thread import BrokerThread
from tests.support.kafka_tools import ACLS, CONFIGS, run_tool

pytestmark = [pytest.mark.process, pytest.mark.peer("kafka"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """Options that sign in as the super user of a broker whose access is by lists."""
    directory = tmp_path_factory.mktemp("broker")
    settings = BrokerSettings(
        data_dir=directory / "data",
        port=0,
        access=Access.ACLS,
        super_users=("admin",),
        users={"admin": hashlib.sha256(b"admin's").hexdigest()},
    )
    with BrokerThread(settings) as broker:
        client = signing_in(directory, "PLAIN", "Plain", "admin", "admin's")
        yield "--bootstrap-server", broker.address, "--command-config", str(client)


def signing_in(directory: Path, mechanism: str, module: str, name: str, password: str) -> Path:
    kind = f"org.apache.kafka.common.security.{module.lower()}.{module}LoginModule"
    file = directory / f"{name}.properties"
    file.write_text(
        "security.protocol=SASL_PLAINTEXT\n"
        f"sasl.mechanism={mechanism}\n"
        f'sasl.jaas.config={kind} required username="{name}" password="{password}";\n'
    )
    return file


def test_kafka_acls_adds_lists_and_removes_entries(at: tuple[str, ...]) -> None:
    on_raw = ("--topic", "raw.", "--resource-pattern-type", "prefixed")
    producer = ("--producer", *on_raw, "--allow-principal", "User:sensor")

    run_tool(ACLS, *at, "--add", *producer)
    run_tool(
        ACLS, *at, "--add", "--deny-principal", "User:eve", "--operation", "All", "--group", "*"
    )
    listed = run_tool(ACLS, *at, "--list")
    run_tool(ACLS, *at, "--remove", "--force", *producer)
    left = run_tool(ACLS, *at, "--list")

    assert "resourceType=TOPIC, name=raw., patternType=PREFIXED" in listed
    for operation in ("WRITE", "DESCRIBE", "CREATE"):
        assert f"principal=User:sensor, host=*, operation={operation}" in listed
    assert "principal=User:eve, host=*, operation=ALL, permissionType=DENY" in listed
    assert "User:sensor" not in left
    assert "User:eve" in left


def test_kafka_configs_makes_a_scram_user_whom_kafkas_client_signs_in_as(
    at: tuple[str, ...], tmp_path: Path
) -> None:
    ada = ("--entity-type", "users", "--entity-name", "ada")
    run_tool(CONFIGS, *at, *ada, "--alter", "--add-config", "SCRAM-SHA-512=[password=pencil]")
    described = run_tool(CONFIGS, *at, *ada, "--describe")
    allow = ("--allow-principal", "User:ada", "--operation", "Describe", "--cluster")
    run_tool(ACLS, *at, "--add", *allow)
    file = signing_in(tmp_path, "SCRAM-SHA-512", "Scram", "ada", "pencil")
    listed_by_ada = run_tool(ACLS, *at[:2], "--command-config", str(file), "--list")

    assert "SCRAM-SHA-512=iterations=4096" in described
    assert "principal=User:ada, host=*, operation=DESCRIBE" in listed_by_ada


def test_kafka_configs_sets_shows_and_removes_quotas(at: tuple[str, ...]) -> None:
    importer = ("--entity-type", "clients", "--entity-name", "importer")
    everybody = ("--entity-type", "users", "--entity-default")

    run_tool(CONFIGS, *at, *importer, "--alter", "--add-config", "producer_byte_rate=1048576")
    run_tool(CONFIGS, *at, *everybody, "--alter", "--add-config", "consumer_byte_rate=5e6")
    one = run_tool(CONFIGS, *at, *importer, "--describe")
    all_users = run_tool(CONFIGS, *at, *everybody, "--describe")
    run_tool(CONFIGS, *at, *importer, "--alter", "--delete-config", "producer_byte_rate")
    gone = run_tool(CONFIGS, *at, *importer, "--describe")

    assert "producer_byte_rate=1048576.0" in one
    assert "consumer_byte_rate=5000000.0" in all_users
    assert "producer_byte_rate" not in gone
