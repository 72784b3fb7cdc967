"""Write the markers that end a transaction to the partitions it wrote to. For the event loop."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

import structlog

from broker_core.coordinator.offsets import OffsetStore
from broker_core.coordinator.transaction import TopicPartition
from broker_core.errors import (
    BrokerError,
    InvalidProducerEpoch,
    TransactionCoordinatorFenced,
    UnknownTopicOrPartition,
)
from broker_core.log.file_layout import CONSUMER_OFFSETS
from broker_core.protocol.control_record import Marker
from broker_core.replication.replicas import Replicas

log = structlog.get_logger()


class MarkerWriter(Protocol):
    """Whoever brings a marker to the leaders of partitions."""

    async def write(
        self, marker: Marker, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, BrokerError]:
        """Return once the marker is durable in every partition; those where it is not, and why."""
        ...


class LocalMarkers:
    """Markers for partitions that this node leads.

    Args:
        offsets: Told of the fate of offsets that were committed in a transaction.
    """

    def __init__(self, replicas: Replicas, offsets: OffsetStore) -> None:
        self._replicas = replicas
        self._offsets = offsets

    async def write(
        self, marker: Marker, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, BrokerError]:
        """Append everywhere, then wait for all of it: the partitions share a group commit."""
        failed: dict[TopicPartition, BrokerError] = {}
        appended: dict[TopicPartition, asyncio.Future[None]] = {}
        for topic, number in sorted(partitions):
            try:
                replica = self._replicas.leading(topic, number)
                offset = replica.end_transaction(marker)
                appended[topic, number] = replica.acknowledged(offset + 1)
            except BrokerError as error:
                failed[topic, number] = error
        # Together, so that whoever is cancelled here gives up on all of them.
        outcomes = await asyncio.gather(*appended.values(), return_exceptions=True)
        for (topic, number), outcome in zip(appended, outcomes, strict=True):
            if isinstance(outcome, BrokerError):
                failed[topic, number] = outcome
            elif outcome is not None:
                raise outcome
            elif topic == CONSUMER_OFFSETS:
                self._offsets.end_transaction(
                    number, marker.producer_id, committed=marker.committed
                )
        return failed


def is_settled(error: BrokerError) -> bool:
    """Whether there is nothing left to mark: the partition is gone, or it knows better."""
    return isinstance(
        error, UnknownTopicOrPartition | InvalidProducerEpoch | TransactionCoordinatorFenced
    )
