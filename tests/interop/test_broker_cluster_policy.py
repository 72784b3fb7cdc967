"""Users, access control lists and quotas of three nodes, managed and met by librdkafka."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from confluent_kafka.cimpl import NewTopic

from broker_core.replication.node import Membership
from broker_core.replication.peer import Credentials
from broker_core.settings import Access, BrokerSettings
from tests.support.broker_thread import BrokerThread
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

NODES = (1, 2, 3)
TOPIC = "events.log"
SECONDS = 60
Configuration = dict[str, str | int | float | bool]

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


class PolicedCluster:
    """A controller in a process of its own and three nodes; access is by lists.

    Attributes:
        controller: To be killed.
        nodes: By number.
    """

    def __init__(self, directory: Path, controller: StandaloneBroker, secret: str) -> None:
        self._directory = directory
        self._secret = secret
        self.controller = controller
        self.nodes: dict[int, BrokerThread] = {}

    def start(self, number: int) -> None:
        """Start a node."""
        host, _, port = self.controller.address.rpartition(":")
        settings = BrokerSettings(
            data_dir=self._directory / f"node-{number}",
            port=0,
            node_id=number,
            access=Access.ACLS,
            super_users=("admin",),
            users={"admin": hashlib.sha256(b"admin").hexdigest()},
        )
        membership = Membership(
            controller=(host, int(port)),
            credentials=Credentials(name="node", secret=self._secret),
        )
        self.nodes[number] = BrokerThread(settings, membership=membership).__enter__()

    def stop(self, number: int) -> None:
        """Stop a node in order."""
        self.nodes.pop(number).__exit__(None, None, None)

    def stop_all(self) -> None:
        """Stop every node."""
        for number in tuple(self.nodes):
            self.stop(number)

    def signed_in(self, number: int, name: str, mechanism: str = "SCRAM-SHA-256") -> Configuration:
        """A client's configuration; its first server is that node."""
        return {
            "bootstrap.servers": self.nodes[number].address,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": mechanism,
            "sasl.username": name,
            "sasl.password": name,
            "log_level": 0,
        }

    def admin(self, number: int) -> AdminClient:
        """The super user."""
        return AdminClient(self.signed_in(number, "admin", "PLAIN"))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[PolicedCluster]:
    """A topic of three partitions, each led by another node, and a user who may do nothing."""
    secret = tmp_path / "secret"
    with (
        StandaloneBroker(
            tmp_path / "c", "--controller", "--secret-file", str(secret)
        ) as controller,
        ExitStack() as opened,
    ):
        running = PolicedCluster(tmp_path, controller, secret.read_text().strip())
        for number in NODES:
            running.start(number)
        opened.callback(running.stop_all)
        admin = running.admin(1)
        until(lambda: len(admin.list_topics(timeout=SECONDS).brokers) == len(NODES), "all nodes")
        admin.create_topics([NewTopic(TOPIC, 3, 3)])[TOPIC].result(SECONDS)
        until(lambda: set(leaders(admin)) == set(NODES), "every node leads")
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
        change = UserScramCredentialUpsertion("ada", info, b"ada")
        admin.alter_user_scram_credentials([change])["ada"].result(SECONDS)
        yield running


def leaders(admin: AdminClient) -> list[int]:
    """Who leads each partition."""
    topic = admin.list_topics(TOPIC, timeout=SECONDS).topics[TOPIC]
    return [topic.partitions[index].leader for index in sorted(topic.partitions)]


def entry(permission: AclPermissionType, operation: AclOperation) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC,
        TOPIC,
        ResourcePatternType.LITERAL,
        "User:ada",
        "*",
        operation,
        permission,
    )


def create(admin: AdminClient, made: AclBinding) -> None:
    admin.create_acls([made])[made].result(SECONDS)


def produced(configuration: Configuration) -> list[int | None]:
    """What a record for each partition, so for each node, was answered with."""
    producer = Producer(configuration)
    outcomes: list[int | None] = []

    def note(error: KafkaError | None, _: object) -> None:
        outcomes.append(error.code() if error else None)

    for partition in range(len(NODES)):
        try:
            producer.produce(TOPIC, b"x", partition=partition, on_delivery=note)
        except KafkaException as refusal:  # it remembers what the first one was answered with
            outcomes.append(refusal.args[0].code())
        assert producer.flush(SECONDS) == 0
    return outcomes


def is_known(cluster: PolicedCluster, number: int) -> bool:
    """Whether the user can sign in at that node."""
    client = AdminClient(cluster.signed_in(number, "ada"))
    try:
        return bool(client.list_topics(timeout=SECONDS).brokers)
    except KafkaException:
        return False


def test_what_is_decided_on_one_node_counts_on_all_of_them(cluster: PolicedCluster) -> None:
    refused = [KafkaError.TOPIC_AUTHORIZATION_FAILED] * 3
    for number in NODES:
        until(partial(is_known, cluster, number), f"ada at node {number}")
    assert produced(cluster.signed_in(1, "ada")) == refused

    create(cluster.admin(2), entry(AclPermissionType.ALLOW, AclOperation.WRITE))
    until(lambda: produced(cluster.signed_in(3, "ada")) == [None] * 3, "allowed on all nodes")

    create(cluster.admin(3), entry(AclPermissionType.DENY, AclOperation.WRITE))
    until(lambda: produced(cluster.signed_in(1, "ada")) == refused, "denied on all nodes")


def test_what_a_killed_controller_answered_is_not_forgotten(cluster: PolicedCluster) -> None:
    create(cluster.admin(1), entry(AclPermissionType.ALLOW, AclOperation.WRITE))
    cluster.controller.kill()
    cluster.controller.start()
    for number in NODES:  # what they knew is gone
        cluster.stop(number)
        cluster.start(number)
        until(partial(is_known, cluster, number), f"ada at node {number}")
    until(lambda: produced(cluster.signed_in(2, "ada")) == [None] * 3, "still allowed")
