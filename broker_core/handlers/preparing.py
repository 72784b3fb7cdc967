"""Preparing: batches that must be looked into before they are appended, without losing their order.

A topic that is compacted, or compresses in a way of its own, wants its batches opened. That happens
in a thread, for several at once; each is appended on the loop when all that came before it for the
same partition are. A batch that needs nothing waits behind those that do: a producer has several
requests under way, and its batches must not overtake each other.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from broker_core.log.append_result import AppendResult
from broker_core.log.batch_check import must_be_prepared, prepare
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.record_batch import Bytes

THREADS = 2  # so that no more than two opened batches are in memory


class Preparing:
    """The batches that are under way. For the event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="prepare-batch")
        self._last: dict[PartitionLog, asyncio.Task[AppendResult]] = {}

    def must_wait(self, log: PartitionLog, batch: Bytes) -> bool:
        """Whether a batch cannot be appended at once."""
        return log in self._last or must_be_prepared(batch, log.config)

    def append(
        self, log: PartitionLog, batch: Bytes, append: Callable[[Bytes], AppendResult]
    ) -> asyncio.Task[AppendResult]:
        """Prepare a batch and append it after those that came before; goes on if nobody waits.

        Args:
            append: Called on the loop with the batch as the topic keeps it.
        """
        before = self._last.get(log)
        task = asyncio.create_task(self._run(log, batch, append, before), name="prepare-batch")
        self._last[log] = task
        task.add_done_callback(lambda _: self._ended(log, task))
        return task

    async def close(self) -> None:
        """Wait until everything under way is appended."""
        while self._last:
            await asyncio.wait(list(self._last.values()))
        self._threads.shutdown(wait=True)

    async def _run(
        self,
        log: PartitionLog,
        batch: Bytes,
        append: Callable[[Bytes], AppendResult],
        before: asyncio.Task[AppendResult] | None,
    ) -> AppendResult:
        loop = asyncio.get_running_loop()
        try:
            prepared = await loop.run_in_executor(self._threads, prepare, batch, log.config)
        finally:
            if before is not None:
                await asyncio.wait([before])
        return append(prepared)

    def _ended(self, log: PartitionLog, task: asyncio.Task[AppendResult]) -> None:
        if self._last.get(log) is task:
            del self._last[log]
        if not task.cancelled():
            task.exception()  # whoever asked may be gone
