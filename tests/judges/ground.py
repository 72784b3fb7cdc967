"""Where a judge is let loose: a fresh broker of ours, or a controller and three nodes.

Access control lists are in use, so that what judges try with them is tried in earnest; what no
entry is about is open to everybody, as on the clusters that most judges were written for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.cluster import Cluster
from tests.support.standalone_broker import StandaloneBroker

WITH_ACLS = "--acls"


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
            yield cluster.bootstrap
