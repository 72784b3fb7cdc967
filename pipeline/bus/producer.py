"""Batched, bounded, acknowledged produce.

Idempotent, acks=all, lz4. For the loop: delivery reports are served by a timer of the loop,
not by a thread, because a thread would have to win the interpreter lock for every record.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Self

import msgspec
import structlog
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as KafkaProducer

from pipeline.bus.connection import client_config, translated
from pipeline.bus.position import Position
from pipeline.errors import BusRefused, BusUnavailable
from pipeline.metrics import BUS_ACKNOWLEDGED, BUS_PUBLISH_SECONDS, BUS_UNACKNOWLEDGED
from pipeline.settings import BusSettings

log = structlog.get_logger()

DELIVERY_TIMEOUT_MS = 60_000
LINGER_MS = 20
QUEUE_RECORDS = 100_000
QUEUE_KIBIBYTES = 64 << 10
MAX_RECORD_BYTES = 8 << 20
YIELD_EVERY_RECORDS = 2_000
BUSY_SERVE_SECONDS = 0.005
IDLE_SERVE_SECONDS = 1.0
CLOSE_SECONDS = 10.0


class OutgoingRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record on its way to the log.

    Attributes:
        topic: Where it goes; must exist.
        value: Its payload; None is a tombstone on a compacted topic.
        key: Equal keys keep their order, in one partition; None spreads.
        headers: Names and values, in order.
        partition: Set to choose it; None leaves it to the key.
        timestamp_ms: Since the epoch; None is now.
    """

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None
    timestamp_ms: int | None = None


class Producer:
    """Publishes for one process; an async context manager, for the loop only.

    Args:
        settings: Which cluster, and how to sign in.
        client_id: What the broker's logs and quotas call us.
        delivery_timeout_ms: How long a record may wait for its acknowledgement.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        client_id: str,
        delivery_timeout_ms: int = DELIVERY_TIMEOUT_MS,
    ) -> None:
        self._config = {
            **client_config(settings, client_id=client_id),
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": LINGER_MS,
            "delivery.timeout.ms": delivery_timeout_ms,
            "queue.buffering.max.messages": QUEUE_RECORDS,
            "queue.buffering.max.kbytes": QUEUE_KIBIBYTES,
            "message.max.bytes": MAX_RECORD_BYTES,
            "sticky.partitioning.linger.ms": 100,
            "topic.metadata.propagation.max.ms": 5_000,
            "partitioner": "murmur2_random",
        }
        self._client: KafkaProducer | None = None
        self._retired: list[KafkaProducer] = []  # failed for good, with reports still to come
        self._in_flight = 0
        self._room = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._client = KafkaProducer(self._config)
        self._schedule(IDLE_SERVE_SECONDS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what is under way, at most ten seconds; fail what remains."""
        assert self._client is not None, "entered"
        if self._timer is not None:
            self._timer.cancel()
        deadline = asyncio.get_running_loop().time() + CLOSE_SECONDS
        while self._in_flight and asyncio.get_running_loop().time() < deadline:
            self._poll(self._client)
            await asyncio.sleep(BUSY_SERVE_SECONDS)
        if self._in_flight:
            self._client.purge()
            self._poll(self._client)
        client, self._client = self._client, None
        await asyncio.to_thread(client.close)

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[Position]:
        """Return once every record is acknowledged, with the position of each, in order.

        A full queue makes this wait. Cancelling it does not take back what is under way.

        Raises:
            BusUnavailable: Not all were acknowledged in time; those it names may be in the log
                or not.
            BusRefused: The log refuses the records it names for good; all others are
                acknowledged.
        """
        if not records:
            return []
        loop = asyncio.get_running_loop()
        call = _Call(len(records), loop)
        started = loop.time()
        for index, record in enumerate(records):
            while not self._enqueue(record, call, index):
                await self._room.wait()
            if index % YIELD_EVERY_RECORDS == YIELD_EVERY_RECORDS - 1:
                await asyncio.sleep(0)
        self._schedule(BUSY_SERVE_SECONDS)
        positions = await call.outcome
        BUS_ACKNOWLEDGED.inc(len(records))
        BUS_PUBLISH_SECONDS.observe(loop.time() - started)
        return positions

    def _enqueue(self, record: OutgoingRecord, call: "_Call", index: int) -> bool:
        """Hand one record to librdkafka; False when its queue is full."""
        if self._client is None:
            raise BusUnavailable("the producer is closed")
        try:
            self._client.produce(
                record.topic,
                record.value,
                record.key,
                -1 if record.partition is None else record.partition,
                partial(self._reported, call, index),
                None,  # the other name of the callback, which would hide it
                record.timestamp_ms or 0,
                list(record.headers) or None,
            )
        except BufferError:
            self._room.clear()
            self._schedule(BUSY_SERVE_SECONDS)
            return False
        except KafkaException as error:
            self._failed_at_once(call, index, error.args[0])
            return True
        self._in_flight += 1
        return True

    def _failed_at_once(self, call: "_Call", index: int, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:
            self._renew(error)
        call.report(index, error, None)

    def _reported(
        self, call: "_Call", index: int, error: KafkaError | None, message: Message
    ) -> None:
        self._in_flight -= 1
        call.report(index, error, message)

    def _renew(self, error: KafkaError) -> None:
        """A fatal error ends an idempotent producer (its sequence is broken): start another."""
        assert self._client is not None, "entered"
        log.error("bus_producer_renewed", error=error.name(), detail=error.str())
        self._client.purge()
        self._retired.append(self._client)
        self._client = KafkaProducer(self._config)

    def _schedule(self, delay_seconds: float) -> None:
        """Serve delivery reports after a delay, or earlier if that is already planned."""
        loop = asyncio.get_running_loop()
        when = loop.time() + delay_seconds
        if self._timer is not None:
            if self._timer.when() <= when and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = loop.call_at(when, self._serve)

    def _serve(self) -> None:
        self._timer = None
        if self._client is None:
            return
        self._poll(self._client)
        self._schedule(BUSY_SERVE_SECONDS if self._in_flight else IDLE_SERVE_SECONDS)

    def _poll(self, client: KafkaProducer) -> None:
        client.poll(0)
        for retired in self._retired:
            retired.poll(0)
        self._retired = [retired for retired in self._retired if len(retired)]
        self._room.set()


class _Call:
    """One publish call: gathers what became of its records, then settles its outcome."""

    __slots__ = ("_error", "_failed", "_missing", "_positions", "_refused", "outcome")

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        self.outcome: asyncio.Future[list[Position]] = loop.create_future()
        self._positions: list[Position] = [_NOWHERE] * count
        self._missing = count
        self._error: BusUnavailable | BusRefused | None = None
        self._refused: list[int] = []
        self._failed: list[int] = []

    def report(self, index: int, error: KafkaError | None, message: Message | None) -> None:
        """Take the delivery report of the record with that index."""
        if error is None and message is not None:
            self._positions[index] = Position(
                message.topic(),  # type: ignore[arg-type]  # a delivered record has all three
                message.partition(),  # type: ignore[arg-type]
                message.offset(),  # type: ignore[arg-type]
            )
        elif error is not None:
            self._fail(index, error)
        self._missing -= 1
        if not self._missing and not self.outcome.done():
            self._settle()

    def _fail(self, index: int, error: KafkaError) -> None:
        failure = translated(error, "publish")
        BUS_UNACKNOWLEDGED.labels(error=error.name()).inc()
        self._failed.append(index)
        if isinstance(failure, BusRefused):
            self._refused.append(index)
        if self._error is None or isinstance(failure, BusUnavailable):
            self._error = failure

    def _settle(self) -> None:
        if isinstance(self._error, BusUnavailable):
            error = BusUnavailable(str(self._error), unacknowledged=self._failed)
            self.outcome.set_exception(error)
        elif self._error is not None:
            self.outcome.set_exception(BusRefused(str(self._error), refused=self._refused))
        else:
            self.outcome.set_result(self._positions)


_NOWHERE = Position("", -1, -1)
