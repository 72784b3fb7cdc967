"""The background task that keeps a log directory within its disk budget.

What goes is decided by :mod:`broker_core.log.disk_budget`. While nothing more may go and the budget
is exceeded, producing is refused; that ends by itself once readers have caught up. Between two
looks more may be written than the budget allows: at most what producers send in that time.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from broker_core.errors import BrokerError
from broker_core.log.cleaner import LogCleaner, newest_ms
from broker_core.log.disk_budget import Occupancy, Progress, decide, keep_from
from broker_core.log.fault import DISK_BUDGET
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.log.retention import SealedSegment
from broker_core.metrics import LOG_BUDGET_BYTES, LOG_SIZE_BYTES

log = structlog.get_logger()

LOOK_SECONDS = 1.0


class BudgetKeeper:
    """Removes segments across partitions, or has producing refused. For the event loop.

    Args:
        progress: How far the protected groups have come, as of now; None if that is not known
            here, and then nothing goes.
    """

    def __init__(
        self,
        logs: LogDirectory,
        cleaner: LogCleaner,
        *,
        budget_bytes: int,
        progress: Callable[[], Sequence[Progress] | None],
    ) -> None:
        self._logs = logs
        self._cleaner = cleaner
        self._budget_bytes = budget_bytes
        self._progress = progress
        LOG_BUDGET_BYTES.set(budget_bytes)

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Remove what must and may go; refuse producing, or take it up again."""
        groups = self._progress()
        partitions = dict(self._logs.partitions())
        occupied = [self._occupancy(where, one, groups) for where, one in partitions.items()]
        LOG_SIZE_BYTES.set(sum(one.size_bytes for one in occupied))
        decision = decide(occupied, budget_bytes=self._budget_bytes)
        try:
            for where, start in decision.log_starts.items():
                await self._cleaner.remove_before(partitions[where], start, reason="budget")
            for where in decision.seals:
                await self._cleaner.seal(partitions[where])
        except (BrokerError, OSError) as error:
            log.warning("disk_budget_not_kept", error=str(error))
        self._tell(decision.over_bytes)

    def _tell(self, over_bytes: int) -> None:
        reason = None
        if over_bytes:
            reason = f"the disk budget of {self._budget_bytes} bytes is exceeded by {over_bytes}"
        self._logs.fault.set_shortage(DISK_BUDGET, reason)

    def _occupancy(
        self, where: tuple[str, int], partition: PartitionLog, groups: Sequence[Progress] | None
    ) -> Occupancy:
        active = partition.segments[-1]
        return Occupancy(
            where=where,
            sealed=[
                SealedSegment(one.next_offset, one.size, newest_ms(one))
                for one in partition.durable_sealed
            ],
            active_bytes=partition.bytes
            - sum(segment.size for segment in partition.durable_sealed),
            active_newest_ms=active.max_timestamp,
            end_offset=partition.end_offset,
            keep_from=keep_from(where, groups or ()),
            may_shrink=groups is not None
            and partition.config.is_deleted_by_retention
            and not partition.config.is_compacted
            and not self._logs.is_internal(where[0]),
        )
