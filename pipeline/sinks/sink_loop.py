"""The loop that carries topics to a sink: read, keep per partition, write, hold back.

Partitions are written side by side; a slow one holds back only its own reading, until all that
is buffered reaches the limit of the process.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import structlog

from pipeline.bus.consumer import Consumer, Record
from pipeline.bus.position import Committed, TopicPartition
from pipeline.errors import PartitionLost, PipelineError
from pipeline.metrics import SINK_BUFFERED, SINK_PAUSED, SINK_REWOUND
from pipeline.settings import BusSettings
from pipeline.sinks.buffer import Limits
from pipeline.sinks.lane import Lane, Sink

log = structlog.get_logger()

POLL_RECORDS = 5_000
POLL_SECONDS = 0.25
WRITING_LANES = 4
BUFFERED_BYTES = 64 << 20
LOST_SECONDS = 60.0


class SinkLoop:
    """One consumer group that fills a sink. For the loop.

    Args:
        settings: Which cluster, and how to sign in.
        group: The consumer group.
        topics: What it reads; must exist.
        sink: Where records go.
        limits: How batches are cut.
        clock_ms: Milliseconds since the epoch.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        group: str,
        topics: Sequence[str],
        sink: Sink,
        limits: Limits,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._sink = sink
        self._limits = limits
        self._clock_ms = clock_ms
        self._lanes: dict[TopicPartition, Lane] = {}
        self._lost: dict[TopicPartition, float] = {}
        self._paused: set[TopicPartition] = set()
        self._permits = asyncio.Semaphore(WRITING_LANES)
        self._consumer = Consumer(
            settings,
            group=group,
            topics=topics,
            client_id=group,
            on_assigned=self._assigned,
            on_revoked=self._revoked,
        )

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Fill the sink until cancelled; what is not stored by then is read again next time.

        Raises:
            PartitionLost: A partition was lost and the group did not settle within a minute.
        """
        async with self._consumer as consumer:
            ready()
            while True:
                records = await consumer.poll(
                    max_records=POLL_RECORDS, timeout_seconds=POLL_SECONDS
                )
                now = asyncio.get_running_loop().time()
                self._take(records, now)
                for lane in self._lanes.values():
                    self._wake(lane, now)
                await self._hold_back(consumer)

    def _take(self, records: list[Record], now: float) -> None:
        for (topic, partition), group in groupby(records, lambda at: (at.topic, at.partition)):
            lane = self._lanes.get(TopicPartition(topic, partition))
            if lane is not None and not lane.buffer.add(list(group), now):
                SINK_REWOUND.labels(topic=topic).inc()
                log.error("log_begun_anew", topic=topic, partition=partition)

    def _wake(self, lane: Lane, now: float) -> None:
        """Let a lane go on; one that lost its partition waits for the group to settle."""
        since = self._lost.get(lane.partition)
        if since is None:
            try:
                lane.wake(now)
            except PartitionLost as error:
                log.warning("partition_lost", partition=str(lane.partition), detail=str(error))
                self._lost[lane.partition] = now
        elif now - since > LOST_SECONDS:
            raise PartitionLost(f"{lane.partition} was lost and not taken back")

    async def _hold_back(self, consumer: Consumer) -> None:
        """Stop reading what is full, go on with what has room again."""
        buffered = sum(lane.buffer.size_bytes for lane in self._lanes.values())
        full = {
            at
            for at, lane in self._lanes.items()
            if lane.buffer.is_full or (buffered > BUFFERED_BYTES and len(lane.buffer))
        }
        SINK_BUFFERED.set(buffered)
        SINK_PAUSED.set(len(full))
        try:
            if more := full - self._paused:
                await consumer.pause(more)
            if fewer := self._paused - full:
                await consumer.resume(fewer & self._lanes.keys())
        except PipelineError:
            return  # the partitions were revoked at this moment
        self._paused = full

    def _assigned(
        self, committed: Mapping[TopicPartition, Committed | None]
    ) -> Mapping[TopicPartition, int]:
        self._lost.clear()
        self._paused = set(committed)  # whatever the client remembers, the next round resumes
        self._lanes = {
            at: Lane(
                at,
                known,
                sink=self._sink,
                commit=self._consumer.commit,
                limits=self._limits,
                permits=self._permits,
                clock_ms=self._clock_ms,
            )
            for at, known in committed.items()
        }
        return {}

    async def _revoked(self, gone: Sequence[TopicPartition]) -> None:
        lanes = [self._lanes.pop(at) for at in gone if at in self._lanes]
        await asyncio.gather(*(lane.stop() for lane in lanes))
