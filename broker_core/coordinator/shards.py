"""Shards: the partitions of an internal topic, of which each node coordinates those that it leads.

What is known of a group or a transactional id lies in one of them. Their leader has read them
before it answers, and has forgotten them when another leads.
"""

import zlib
from collections.abc import Mapping
from typing import Protocol

from broker_core.replication.replica import Replica
from broker_core.replication.replicas import Replicas

INTERNAL_CONFIG: Mapping[str, str] = {
    "cleanup.policy": "compact",
    "segment.bytes": str(16 << 20),
}


def shard_of(key: str, partitions: int) -> int:
    """Return the partition that holds what is known of a group or a transactional id.

    >>> shard_of("tocsin.sinks", 1), shard_of("tocsin.sinks", 50)
    (0, 13)
    """
    return zlib.crc32(key.encode()) % partitions


class Shards(Protocol):
    """The partitions of one internal topic."""

    @property
    def count(self) -> int:
        """How many the topic has; 0 while it is not there."""
        ...

    def replica(self, shard: int) -> Replica:
        """Return one that this node leads and has read.

        Raises:
            CoordinatorNotAvailable: The topic is not there.
            NotCoordinator: Another node leads it.
            CoordinatorLoadInProgress: It is being read.
        """
        ...


class OwnShards:
    """Those of a node that is alone: it leads all of them, and has read them at its start."""

    def __init__(self, topic: str, replicas: Replicas, count: int) -> None:
        self._topic = topic
        self._replicas = replicas
        self.count = count

    def replica(self, shard: int) -> Replica:
        """Return any of them."""
        return self._replicas.leading(self._topic, shard)
