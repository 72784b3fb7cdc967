"""ClusterShards: the partitions of an internal topic that this node of a cluster leads.

They are read when it begins to lead them, in pieces, so that nobody else waits; until that is done,
and after another was elected, it answers for none of what is in them. For the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from broker_core.errors import (
    BrokerError,
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    NotCoordinator,
    NotLeaderOrFollower,
    UnknownTopicOrPartition,
)
from broker_core.replication.cluster_replica import ClusterReplica
from broker_core.replication.node import ClusterNode
from broker_core.replication.replica import Replica

log = structlog.get_logger()

_RETRY_SECONDS = 0.5


class ClusterShards:
    """Which of them are led, and which of those are read.

    Attributes:
        load: Reads a partition that is led from now on; what was known of it is forgotten first.
        unload: Forgets a partition that is not led any more.
    """

    def __init__(self, topic: str, node: ClusterNode) -> None:
        self._topic = topic
        self._node = node
        self._loading: dict[int, tuple[int, asyncio.Task[None]]] = {}
        self._loaded: dict[int, int] = {}
        self.load: Callable[[Replica], Awaitable[None]] = _nothing
        self.unload: Callable[[int], None] = _forget

    @property
    def count(self) -> int:
        """How many the topic has; 0 while it is not there."""
        topic = self._node.link.state.topics.get(self._topic)
        return 0 if topic is None else len(topic.partitions)

    def replica(self, shard: int) -> Replica:
        """Return one that this node leads and has read, see :meth:`Shards.replica`."""
        if not 0 <= shard < self.count:
            raise CoordinatorNotAvailable(f"{self._topic} is not there")
        try:
            replica = self._node.leading(self._topic, shard)
        except (NotLeaderOrFollower, UnknownTopicOrPartition) as error:
            raise NotCoordinator(f"another node leads {self._topic}-{shard}") from error
        if self._loaded.get(shard) != replica.leader_epoch:
            raise CoordinatorLoadInProgress(f"{self._topic}-{shard} is being read")
        return replica

    def refresh(self) -> None:
        """Look what this node leads now; to be called whenever that may have changed."""
        for shard in range(self.count):
            replica = self._node.get(self._topic, shard)
            leads = isinstance(replica, ClusterReplica) and replica.is_leader
            epoch = replica.leader_epoch if leads and replica is not None else None
            loading = self._loading.get(shard)
            known = loading[0] if loading is not None else self._loaded.get(shard)
            if epoch == known:
                continue
            self._let_go(shard)
            if epoch is not None and replica is not None:
                task = asyncio.create_task(
                    self._load(shard, epoch, replica), name=f"load-{self._topic}-{shard}"
                )
                self._loading[shard] = epoch, task

    async def close(self) -> None:
        """Read no more."""
        tasks = [task for _, task in self._loading.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _let_go(self, shard: int) -> None:
        loading = self._loading.pop(shard, None)
        if loading is not None:
            loading[1].cancel()
        if self._loaded.pop(shard, None) is not None or loading is not None:
            self.unload(shard)
            log.info("coordination_ended", topic=self._topic, partition=shard)

    async def _load(self, shard: int, epoch: int, replica: Replica) -> None:
        while True:
            try:
                await self.load(replica)
                break
            except BrokerError as error:
                log.error("coordination_delayed", topic=self._topic, reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
        del self._loading[shard]
        self._loaded[shard] = epoch
        log.info("coordination_began", topic=self._topic, partition=shard, leader_epoch=epoch)


async def _nothing(_: Replica) -> None:
    """Nobody wants to know what is in it."""


def _forget(_: int) -> None:
    """Nothing is known of it."""
