"""Verification: a transaction begins in a partition only if its coordinator knows of that.

Else nobody would ever end it, and readers of committed records would stand before it for ever
("hanging transactions", KIP-890). The leader of a partition asks the coordinator before it takes a
transaction's first batch. The answer counts for as long as the partition gets no marker of that
producer and has seen none of a newer coordinator. For the event loop.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakValueDictionary

from broker_core.coordinator.transaction import ProducerIdentity, TopicPartition
from broker_core.coordinator.transaction_registry import Verified
from broker_core.errors import (
    BrokerError,
    InvalidProducerIdMapping,
    InvalidTxnState,
    NotEnoughReplicas,
    ProducerFenced,
)
from broker_core.log.partition_log import PartitionLog

_TOLD = (InvalidProducerIdMapping, ProducerFenced)


class Coordinators(Protocol):
    """Whoever coordinates transactional ids, here or on other nodes."""

    async def verify(
        self,
        transactional_id: str,
        producer: ProducerIdentity,
        partitions: Sequence[TopicPartition],
    ) -> Verified:
        """See ``TransactionRegistry.verify``."""
        ...


@dataclass(frozen=True, slots=True)
class Permit:
    """A coordinator's word on one partition."""

    log: PartitionLog
    producer: ProducerIdentity
    token: object
    verified: Verified | BrokerError

    def check(self) -> None:
        """Do nothing if the producer may begin its transaction now; ask just before appending.

        Raises:
            InvalidProducerIdMapping, ProducerFenced: It is not the newest incarnation.
            InvalidTxnState: The transaction has not added the partition.
            NotEnoughReplicas: The coordinator does not know, or not any more: the client should
                try again.
        """
        if isinstance(self.verified, BrokerError):
            raise self.verified
        partition = self.log.topic, self.log.partition
        if partition not in self.verified.partitions:
            raise InvalidTxnState(f"the transaction has not added {partition}")
        try:
            self.log.check_verified(
                self.producer.producer_id, self.token, self.verified.coordinator_epoch
            )
        except BrokerError as error:
            raise NotEnoughReplicas(str(error)) from error


class Verification:
    """Asks coordinators."""

    def __init__(self, coordinators: Coordinators) -> None:
        self._coordinators = coordinators
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, transactional_id: str) -> asyncio.Lock:
        """Return what is held from asking until appending: batches stay in the order they came."""
        return self._turns.setdefault(transactional_id, asyncio.Lock())

    async def permits(
        self, transactional_id: str, producer: ProducerIdentity, logs: Sequence[PartitionLog]
    ) -> Mapping[TopicPartition, Permit]:
        """Ask whether a producer may begin its transaction in some partitions."""
        tokens = [log.begin_verification(producer.producer_id) for log in logs]
        partitions = [(log.topic, log.partition) for log in logs]
        verified: Verified | BrokerError
        try:
            verified = await self._coordinators.verify(transactional_id, producer, partitions)
        except _TOLD as error:
            verified = error
        except BrokerError as error:
            verified = NotEnoughReplicas(f"its coordinator does not answer: {error}")
        return {
            partition: Permit(log, producer, token, verified)
            for partition, log, token in zip(partitions, logs, tokens, strict=True)
        }
