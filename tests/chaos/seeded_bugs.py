"""Faults seeded into a broker on purpose: each breaks one promise, and the checker must notice.

Only processes of a chaos run that were asked to be broken call these.
"""

import asyncio
from collections.abc import Callable, Mapping

from broker_core.log.producer_state import ProducerState
from broker_core.protocol.record_batch import BatchHeader
from broker_core.replication.cluster_replica import ClusterReplica
from broker_core.replication.replica import ACKS_ALL, Replica


def acknowledge_early() -> None:
    """A leader answers acks=all once its own disk has the records."""

    def by_itself(
        self: ClusterReplica, end_offset: int, *, acks: int = ACKS_ALL
    ) -> asyncio.Future[None]:
        return Replica.acknowledged(self, end_offset, acks=acks)

    ClusterReplica.acknowledged = by_itself  # type: ignore[method-assign]


def forget_producers() -> None:
    """A node forgets which batches a producer has written."""

    def nothing(
        self: ProducerState, header: BatchHeader, base_offset: int, timestamp_ms: int
    ) -> None:
        """Remember nothing."""

    ProducerState.record = nothing  # type: ignore[method-assign]


BUGS: Mapping[str, Callable[[], None]] = {
    "acknowledge-early": acknowledge_early,
    "forget-producers": forget_producers,
}
