"""Where a judge is let loose: a fresh broker of ours, or a controller and three nodes.

Access control lists are in use, so that what judges try with them is tried in earnest; what no
entry is about is open to everybody, as on the clusters that most judges were written for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from confluent_kafka.admin import AdminClient

from tests.support.cluster import Cluster
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

WITH_ACLS = "--acls"
SECONDS = 30


@contextmanager
def ground(folder: Path, *, nodes: int, arguments: tuple[str, ...] = ()) -> Iterator[str]:
    """The addresses to begin with, with commas between.

    Args:
        arguments: For every node's command.
    """
    arguments = (WITH_ACLS, *arguments)
    if nodes == 1:
        with StandaloneBroker(folder / "broker", *arguments) as broker:
            yield broker.address
    else:
        with Cluster(folder, nodes=nodes, arguments=arguments) as cluster:
            for node in cluster.nodes.values():
                until(partial(_knows, node.address, nodes), f"{node.address} knows every node")
            yield cluster.bootstrap


def _knows(address: str, nodes: int) -> bool:
    """Whether a node has heard that so many nodes serve: a topic may have a copy on each."""
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    return len(admin.list_topics(timeout=SECONDS).brokers) == nodes
