"""Group commit: whoever waits for the disk shares one round of syncs.

While a round runs in its thread, more is appended; the next round takes all of that. So a lone
writer waits for one sync, and a thousand writers together wait for one or two. A sync that fails
takes the log directory out of service (:mod:`broker_core.log.fault`) and is never tried again.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from broker_core.errors import BrokerError, NotLeaderOrFollower, UnknownTopicOrPartition
from broker_core.log.fault import Fault
from broker_core.log.flush import Flush
from broker_core.log.partition_log import PartitionLog
from broker_core.metrics import LOG_FLUSH_SECONDS

LONGEST_DELAY_SECONDS = 24 * 60 * 60.0
SYNCS_AT_ONCE = 4  # a journaling file system commits syncs that come together in one go


class GroupCommit:
    """The one syncer of a log directory. For the event loop.

    Args:
        fault: The directory's, as in ``LogDirectory.fault``.
    """

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._round = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-round")
        self._syncs = ThreadPoolExecutor(SYNCS_AT_ONCE, thread_name_prefix="log-sync")
        self._requested: dict[PartitionLog, None] = {}
        self._waiting: dict[PartitionLog, list[tuple[int, asyncio.Future[None]]]] = {}
        self._actions: list[tuple[Callable[[], None], asyncio.Future[None]]] = []
        self._rounds: asyncio.Task[None] | None = None
        self._timers: dict[PartitionLog, asyncio.TimerHandle] = {}

    def durable(self, log: PartitionLog, end_offset: int) -> asyncio.Future[None]:
        """Have every record before ``end_offset`` synced, from now on; await the result.

        Ask for all partitions of a request before awaiting the first: they share a round.

        Args:
            end_offset: One more than the last offset that matters, at most the log's end.

        Raises:
            StorageError: It is not known to be on disk, and will not be.
            UnknownTopicOrPartition: The topic was deleted meanwhile.
            NotLeaderOrFollower: They were cut meanwhile.
        """
        assert end_offset <= log.end_offset, "nobody can wait for what is not appended"
        return self._wait(log, end_offset, is_done=log.durable_end >= end_offset)

    def flush(self, log: PartitionLog) -> asyncio.Future[None]:
        """Have everything said of the log so far synced, its start included; await the result.

        Raises:
            StorageError: It is not known to be on disk, and will not be.
        """
        return self._wait(log, log.end_offset, is_done=not log.needs_flush)

    def request(self, log: PartitionLog) -> None:
        """Let the next round sync the log, though nobody waits for it (acks=0)."""
        timer = self._timers.pop(log, None)
        if timer is not None:
            timer.cancel()
        if self._fault.reason is None:
            self._requested[log] = None
            if self._rounds is None:
                self._rounds = asyncio.create_task(self._run_rounds(), name="group-commit")

    def request_within(self, log: PartitionLog, seconds: float) -> None:
        """Let a round sync the log after that time, unless one does before."""
        if log not in self._timers and log not in self._requested and self._fault.reason is None:
            loop = asyncio.get_running_loop()
            delay = min(seconds, LONGEST_DELAY_SECONDS)
            self._timers[log] = loop.call_later(delay, self.request, log)

    def between_rounds(self, action: Callable[[], None]) -> asyncio.Future[None]:
        """Have ``action`` called on the loop while nothing is being synced; await the result.

        Raises:
            BrokerError, OSError: What the action raised; it may raise nothing else.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._actions.append((action, future))
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._run_rounds(), name="group-commit")
        return future

    async def close(self) -> None:
        """Finish the rounds that are under way or asked for, and stop the threads."""
        for timer in self._timers.values():
            timer.cancel()  # closing a log syncs it
        self._timers.clear()
        while self._rounds is not None:
            await asyncio.wait([self._rounds])
        self._round.shutdown(wait=True)
        self._syncs.shutdown(wait=True)

    def _wait(self, log: PartitionLog, end_offset: int, *, is_done: bool) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._fault.reason is not None:
            future.set_exception(self._fault.error())
        elif is_done:
            future.set_result(None)
        else:
            self._waiting.setdefault(log, []).append((end_offset, future))
            self.request(log)
        return future

    async def _run_rounds(self) -> None:
        try:
            while self._requested or self._actions:
                self._act()
                await self._run_round()
        finally:
            self._rounds = None

    def _act(self) -> None:
        actions, self._actions = self._actions, []
        for action, future in actions:
            try:
                action()
            except (BrokerError, OSError) as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(None)

    async def _run_round(self) -> None:
        requested, self._requested = self._requested, {}
        logs = [log for log in requested if not log.is_deleted]
        for log in requested:
            if log.is_deleted:
                self._give_up(log)
        loop = asyncio.get_running_loop()
        flushes: list[Flush] = []
        try:
            flushes.extend(log.begin_flush() for log in logs)
            await loop.run_in_executor(self._round, self._run_all, flushes)
        except OSError as error:
            for flush in flushes:
                flush.release()
            self._fail(f"a sync failed: {error}")
            return
        for log, flush in zip(logs, flushes, strict=True):
            log.finish_flush(flush)
            self._resolve(log, flush.end_offset)

    def _resolve(self, log: PartitionLog, end_offset: int) -> None:
        waiting = self._waiting.pop(log, [])
        later = [entry for entry in waiting if end_offset < entry[0] <= log.end_offset]
        if later:
            self._waiting[log] = later
        for wanted, future in waiting:
            if wanted <= end_offset and not future.done():
                future.set_result(None)
            elif wanted > log.end_offset and not future.done():
                future.set_exception(NotLeaderOrFollower(f"{log.directory.name} was cut"))

    def _give_up(self, log: PartitionLog) -> None:
        for _, future in self._waiting.pop(log, []):
            if not future.done():
                future.set_exception(UnknownTopicOrPartition(f"{log.topic} was deleted"))

    def _fail(self, reason: str) -> None:
        self._fault.set(reason)
        waiting, self._waiting = self._waiting, {}
        self._requested.clear()
        for futures in waiting.values():
            for _, future in futures:
                if not future.done():
                    future.set_exception(self._fault.error())

    def _run_all(self, flushes: Sequence[Flush]) -> None:
        """Run them at once, in a thread, and return when all have ended."""
        begun = time.perf_counter()
        running = [self._syncs.submit(flush.run) for flush in flushes[1:]]
        try:
            for flush in flushes[:1]:  # here, as this thread would only wait
                flush.run()
        finally:
            wait(running)  # a failure is raised only when nobody uses a descriptor any more
        for ended in running:
            ended.result()
        LOG_FLUSH_SECONDS.observe(time.perf_counter() - begun)
