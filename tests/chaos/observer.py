"""What the nodes of a cluster say of its partitions, each asked by itself.

A client library would ask any node it likes, and wait long for one that is stopped.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from broker_core.errors import BrokerError
from broker_core.protocol.messages.metadata import MetadataRequest, MetadataResponse
from broker_core.replication.peer import Peer

METADATA_VERSION = 12
ASK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One partition as a node sees it."""

    leader: int
    leader_epoch: int
    replicas: frozenset[int]
    isr: frozenset[int]

    @property
    def is_whole(self) -> bool:
        """Whether it has a leader, and every replica is in sync."""
        return self.leader > 0 and self.isr == self.replicas


View = Mapping[tuple[str, int], Seen]


def views(addresses: Iterable[str], port: int, *, seconds: float = ASK_SECONDS) -> list[View]:
    """What each node says that answers in time."""

    async def ask_all() -> list[View | None]:
        return await asyncio.gather(*(_ask(address, port, seconds) for address in addresses))

    return [view for view in asyncio.run(ask_all()) if view is not None]


def newest(answers: Iterable[View]) -> View:
    """Of every partition, what is said of its latest leader."""
    found: dict[tuple[str, int], Seen] = {}
    for view in answers:
        for partition, seen in view.items():
            if partition not in found or seen.leader_epoch > found[partition].leader_epoch:
                found[partition] = seen
    return found


async def _ask(address: str, port: int, seconds: float) -> View | None:
    try:
        async with asyncio.timeout(seconds):
            peer = await Peer.connect(address, port, credentials=None, client_id="observer")
            try:
                answer: MetadataResponse = await peer.send(
                    MetadataRequest(topics=None, allow_auto_topic_creation=False),
                    METADATA_VERSION,
                    timeout_seconds=seconds,
                )
            finally:
                await peer.close()
    except (BrokerError, TimeoutError):
        return None
    return {
        (str(topic.name), each.partition_index): Seen(
            each.leader_id,
            each.leader_epoch,
            frozenset(each.replica_nodes),
            frozenset(each.isr_nodes),
        )
        for topic in answer.topics
        for each in topic.partitions
    }
