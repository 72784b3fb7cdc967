"""Lane: what a sink does for one partition: announce a range, write it, advance, one at a time.

Order is everything here: the intent is committed before the sink hears of the range, and the
offset moves only after the sink has all of it. What fails is tried again with the same range
for as long as the partition is ours.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from pipeline.bus.position import Committed, TopicPartition
from pipeline.metrics import SINK_BATCH_SECONDS, SINK_RECORDS, SINK_REPEATED
from pipeline.sinks.backoff import until_done
from pipeline.sinks.buffer import Batch, Buffer, Limits
from pipeline.sinks.intent import Intent, read_intent

log = structlog.get_logger()

BEGIN_WITHIN_MS = 15_000
GRACE_SECONDS = 3.0
COMMIT_SECONDS = 30.0


class Sink(Protocol):
    """A final place for records."""

    async def write(self, batch: Batch, *, is_trusted: bool) -> None:
        """Store the batch, or raise; storing the same range again stores nothing new.

        Args:
            batch: Records of one partition.
            is_trusted: Whether the range's token is surely remembered if it was ever seen;
                if not, ask what is stored before storing.

        Raises:
            PipelineError: Not all of it is known to be stored; try again.
        """
        ...


class Lane:
    """One partition that is ours. For the loop.

    Args:
        partition: Which.
        committed: What was committed for it when it became ours.
        sink: Where its records go.
        commit: Commits for it.
        limits: How batches are cut.
        permits: How many lanes may write at a time.
        clock_ms: Milliseconds since the epoch.
    """

    def __init__(
        self,
        partition: TopicPartition,
        committed: Committed | None,
        *,
        sink: Sink,
        commit: Callable[[dict[TopicPartition, Committed]], Awaitable[None]],
        limits: Limits,
        permits: asyncio.Semaphore,
        clock_ms: Callable[[], int],
    ) -> None:
        self.partition = partition
        self._name = f"{partition.topic}:{partition.partition}"
        self._found = (
            read_intent(committed.metadata, offset=committed.offset) if committed else None
        )
        self.buffer = Buffer(partition, limits=limits, intent=self._found)
        self._sink = sink
        self._commit_now = commit
        self._permits = permits
        self._clock_ms = clock_ms
        self._working: asyncio.Task[None] | None = None
        self._committing: asyncio.Future[None] | None = None

    def wake(self, now: float) -> None:
        """Start on the next batch if one is due and none is under way.

        Raises:
            PartitionLost: Another member owns the partition; the last batch was left to it.
        """
        if self._working is not None:
            if not self._working.done():
                return
            working, self._working = self._working, None
            working.result()
        batch = self.buffer.cut(now)
        if batch is not None:
            self._working = asyncio.create_task(self._work(batch), name=f"lane-{self._name}")

    async def stop(self) -> None:
        """Finish or abandon what is under way; nothing is committed once this returns."""
        if self._working is not None:
            _, late = await asyncio.wait([self._working], timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        if self._committing is not None and not self._committing.done():
            await asyncio.wait([self._committing], timeout=COMMIT_SECONDS)

    async def _work(self, batch: Batch) -> None:
        """Write this batch and all that are due by then."""
        intent = self._repeated(batch)
        if intent is None:
            intent = self._announced(batch)
            await self._commit(Committed(batch.first, intent.metadata()))
        following: Batch | None = batch
        while following is not None:
            batch = following
            await self._write(batch, intent)
            following = self.buffer.cut(asyncio.get_running_loop().time())
            if following is None:
                await self._commit(Committed(batch.last + 1))
            else:  # one commit says that this range is done and which one comes next
                intent = self._announced(following)
                await self._commit(Committed(following.first, intent.metadata()))

    def _repeated(self, batch: Batch) -> Intent | None:
        """The intent that a former owner left, if this batch is its range."""
        found, self._found = self._found, None
        if found is None or batch.first != found.first or batch.last != found.last:
            return None
        SINK_REPEATED.labels(topic=self.partition.topic).inc()
        log.info("range_repeated", partition=self._name, first=batch.first, last=batch.last)
        if len(batch.records) != found.records:  # then its token does not name these rows
            return Intent(
                first=found.first, last=found.last, records=len(batch.records), begun_ms=0
            )
        return found

    def _announced(self, batch: Batch) -> Intent:
        return Intent(
            first=batch.first,
            last=batch.last,
            records=len(batch.records),
            begun_ms=self._clock_ms(),
        )

    async def _write(self, batch: Batch, intent: Intent) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        begun_ms = self._clock_ms()

        async def attempt() -> None:
            async with self._permits:
                await self._still_ours(batch, intent, begun_ms)
                is_trusted = intent.is_trusted(self._clock_ms())
                await self._sink.write(batch, is_trusted=is_trusted)

        await until_done(attempt, doing="write", what=self._name)
        topic = self.partition.topic
        SINK_RECORDS.labels(topic=topic).inc(len(batch.records))
        SINK_BATCH_SECONDS.labels(topic=topic).observe(loop.time() - started)

    async def _still_ours(self, batch: Batch, intent: Intent, begun_ms: int) -> None:
        """An attempt that begins late (a stopped process, a long wait) asks the group first."""
        if self._clock_ms() - begun_ms > BEGIN_WITHIN_MS:
            await self._commit_once(Committed(batch.first, intent.metadata()))

    async def _commit(self, committed: Committed) -> None:
        async def attempt() -> None:
            await self._commit_once(committed)

        await until_done(attempt, doing="commit", what=self._name)

    async def _commit_once(self, committed: Committed) -> None:
        """Commit; a cancelled lane lets go only when the answer is there (see ``stop``)."""
        self._committing = asyncio.ensure_future(self._commit_now({self.partition: committed}))
        await asyncio.shield(self._committing)
