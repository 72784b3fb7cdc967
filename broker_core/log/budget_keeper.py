"""The background task that keeps a log directory within its disk budget.

What goes is decided by :mod:`broker_core.log.disk_budget`. While nothing more may go and the budget
is exceeded, producing is refused; that ends by itself once readers have caught up. Between two
looks more may be written than the budget allows: at most what producers send in that time.

A copy of another node's log starts where that one does. So its leader is asked to let go of what is
too much here; it counts as gone once the leader has said yes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set

import structlog

from broker_core.errors import BrokerError
from broker_core.log.cleaner import LogCleaner, newest_ms
from broker_core.log.disk_budget import Decision, Occupancy, Progress, Where, decide, keep_from
from broker_core.log.fault import DISK_BUDGET
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.log.retention import SealedSegment
from broker_core.metrics import LOG_BUDGET_BYTES, LOG_SIZE_BYTES

log = structlog.get_logger()

LOOK_SECONDS = 1.0

Partitions = Mapping[Where, PartitionLog]


async def _nobody(_: Mapping[Where, int]) -> Set[Where]:
    """There are no other nodes."""
    return frozenset()


class BudgetKeeper:
    """Removes segments across partitions, or has producing refused. For the event loop.

    Args:
        progress: How far the protected groups have come, as of now; None if that is not known
            here, and then nothing goes.
        move_starts: Asks the leaders of copies to let them start there; returns whose did.
    """

    def __init__(
        self,
        logs: LogDirectory,
        cleaner: LogCleaner,
        *,
        budget_bytes: int,
        progress: Callable[[], Sequence[Progress] | None],
        move_starts: Callable[[Mapping[Where, int]], Awaitable[Set[Where]]] = _nobody,
    ) -> None:
        self._logs = logs
        self._cleaner = cleaner
        self._budget_bytes = budget_bytes
        self._progress = progress
        self._move_starts = move_starts
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
        if sum(one.bytes for one in partitions.values()) > self._budget_bytes:
            await self._remove_below_starts(partitions)
        occupied = [self._occupancy(where, one, groups) for where, one in partitions.items()]
        LOG_SIZE_BYTES.set(sum(one.size_bytes for one in occupied))
        decision = decide(occupied, budget_bytes=self._budget_bytes)
        stays_bytes = 0
        try:
            await self._shrink_own(partitions, decision)
            stays_bytes = await self._shrink_copies(partitions, decision)
        except (BrokerError, OSError) as error:
            log.warning("disk_budget_not_kept", error=str(error))
        self._tell(decision.over_bytes + stays_bytes)

    async def _remove_below_starts(self, partitions: Partitions) -> None:
        """Remove what nobody can read any more; retention would do that later."""
        try:
            for one in partitions.values():
                await self._cleaner.remove_below_start(one, reason="budget")
        except (BrokerError, OSError) as error:
            log.warning("disk_budget_not_kept", error=str(error))

    async def _shrink_own(self, partitions: Partitions, decision: Decision) -> None:
        for where, start in decision.log_starts.items():
            if not partitions[where].is_copy:
                await self._cleaner.remove_before(partitions[where], start, reason="budget")
        for where in decision.seals:
            if not partitions[where].is_copy:
                await self._cleaner.seal(partitions[where])

    async def _shrink_copies(self, partitions: Partitions, decision: Decision) -> int:
        """Ask for room; return how much of it is not to be had now."""
        copies = {where: one for where, one in partitions.items() if one.is_copy}
        starts = {at: start for at, start in decision.log_starts.items() if at in copies}
        read = [copies[where] for where in decision.seals if where in copies]
        ends = {(one.topic, one.partition): one.high_watermark for one in read}
        if not starts and not ends:
            return 0
        moved = await self._move_starts({**starts, **ends})
        return sum(
            segment.size
            for where, start in starts.items()
            if where not in moved
            for segment in copies[where].durable_sealed
            if segment.next_offset <= start
        )

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
