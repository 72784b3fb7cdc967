"""Where a judge is let loose: a fresh broker of ours, or three, on which everybody may do anything.

Access control lists are in use, so that what judges try with them is tried in earnest; entries for
everybody open the broker, as Kafka's ``allow.everyone.if.no.acl.found`` does.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from tests.support.cluster import Cluster
from tests.support.standalone_broker import StandaloneBroker

ACCESS_BY_LISTS = "--acls"
CLUSTER_NAME = "kafka-cluster"
LITERAL = ResourcePatternType.LITERAL
SECONDS = 60


@contextmanager
def ground(folder: Path, *, nodes: int, arguments: tuple[str, ...] = ()) -> Iterator[str]:
    """One broker, or a controller and its nodes; the addresses to begin with, by commas.

    Args:
        arguments: For every node's command.
    """
    secret = folder / "secret"
    arguments = (ACCESS_BY_LISTS, *arguments)
    if nodes == 1:
        given = ("--secret-file", str(secret))
        with StandaloneBroker(folder / "broker", *given, *arguments) as broker:
            open_to_everybody([broker.address], secret.read_text().strip())
            yield broker.address
        return
    with Cluster(folder, nodes=nodes, arguments=arguments) as cluster:
        addresses = [node.address for node in cluster.nodes.values()]
        open_to_everybody(addresses, secret.read_text().strip())
        yield cluster.bootstrap


def open_to_everybody(addresses: Sequence[str], secret: str) -> None:
    """Allow everything to ``User:*``; told to every node, for a list may be one node's own."""
    kinds = {
        ResourceType.TOPIC: "*",
        ResourceType.GROUP: "*",
        ResourceType.TRANSACTIONAL_ID: "*",
        ResourceType.BROKER: CLUSTER_NAME,
    }
    entries = [
        AclBinding(kind, name, LITERAL, "User:*", "*", AclOperation.ALL, AclPermissionType.ALLOW)
        for kind, name in kinds.items()
    ]
    for address in addresses:
        admin = AdminClient(
            {
                "bootstrap.servers": address,
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN",
                "sasl.username": "admin",
                "sasl.password": secret,
            }
        )
        for made in admin.create_acls(entries).values():
            made.result(SECONDS)
