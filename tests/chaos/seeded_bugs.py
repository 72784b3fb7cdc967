"""Bugs seeded into a broker on purpose: each breaks one promise, and the checker must notice.

Only processes of a chaos run that were asked to be broken call these. The shortest plan in which
each must be noticed: :mod:`tests.chaos.directed`.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from broker_core.log import producer_state, replay
from broker_core.log.partition_log import PartitionLog
from broker_core.log.producer_state import ProducerState
from broker_core.replication.cluster_replica import ClusterReplica
from broker_core.replication.leader_epoch import LeaderEpochs
from broker_core.replication.replica import ACKS_ALL, Replica


def acknowledge_early() -> None:
    """A leader answers acks=all once its own disk has the records."""

    def by_itself(
        self: ClusterReplica, end_offset: int, *, acks: int = ACKS_ALL
    ) -> asyncio.Future[None]:
        return Replica.acknowledged(self, end_offset, acks=acks)

    ClusterReplica.acknowledged = by_itself  # type: ignore[method-assign]


def skip_truncation() -> None:
    """A leader never tells a follower that its log went another way, so none is ever cut."""

    def nowhere(self: LeaderEpochs, epoch: int, end_offset: int, *, log_end: int) -> None:
        """See no difference."""

    LeaderEpochs.diverges = nowhere  # type: ignore[method-assign]


def no_fencing() -> None:
    """A partition takes what a producer writes whose place another one has taken."""

    def anybody(producer_id: int, epoch: int, known_epoch: int) -> None:
        """Refuse nobody."""

    producer_state._check_epoch = anybody


def lose_producer_snapshot() -> None:
    """A node that starts knows nothing of who wrote what."""

    def lost(directory: Path, before: int, end_offset: int) -> tuple[ProducerState, int]:
        return ProducerState(), end_offset

    replay._newest_snapshot = lost


def show_aborted() -> None:
    """Readers of committed records are not told which ones to skip."""

    def none(self: PartitionLog, offset: int, batches: bytes) -> list[Any]:
        return []

    PartitionLog.aborted_in = none  # type: ignore[method-assign]


BUGS: Mapping[str, Callable[[], None]] = {
    "acknowledge-early": acknowledge_early,
    "skip-truncation": skip_truncation,
    "no-fencing": no_fencing,
    "lose-producer-snapshot": lose_producer_snapshot,
    "show-aborted": show_aborted,
}
