"""Records and consumed offsets in one transaction: all is in the log, or nothing (KIP-98, 447).

A transactional id names the work, not the process: who opens it next fences whoever had it before
and ends what that one left open. Not for several calls at a time: one owner, one transaction.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as KafkaProducer
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.bus.connection import client_config, translated_exception
from pipeline.bus.consumer import Consumer
from pipeline.bus.position import Committed, TopicPartition
from pipeline.bus.producer import MAX_RECORD_BYTES, QUEUE_KIBIBYTES, QUEUE_RECORDS, OutgoingRecord
from pipeline.errors import BusUnavailable
from pipeline.settings import BusSettings

# What a killed owner left open holds its readers up for so long, unless it is opened anew.
TRANSACTION_TIMEOUT_MS = 20_000
CALL_SECONDS = 15.0
_LINGER_MS = 5
_FULL_SECONDS = 0.05
T = TypeVar("T")


class Transactions:
    """One owner's transactions; an async context manager, for the loop.

    Entering it fences earlier owners of the id; BusUnavailable or BusRefused if it fails.

    Args:
        settings: Which cluster, and how to sign in.
        transactional_id: Whose transactions.
        client_id: What the broker's logs call us.
    """

    def __init__(self, settings: BusSettings, *, transactional_id: str, client_id: str) -> None:
        self._config = {
            **client_config(settings, client_id=client_id),
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            "compression.type": "lz4",
            "linger.ms": _LINGER_MS,
            "queue.buffering.max.messages": QUEUE_RECORDS,
            "queue.buffering.max.kbytes": QUEUE_KIBIBYTES,
            "message.max.bytes": MAX_RECORD_BYTES,
            "topic.metadata.propagation.max.ms": 5_000,
            "partitioner": "murmur2_random",
        }
        self._client: KafkaProducer | None = None

    async def __aenter__(self) -> Self:
        client = KafkaProducer(self._config)
        await _told(lambda: client.init_transactions(CALL_SECONDS), "init transactions")
        self._client = client
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(_end, client)

    async def write(
        self,
        records: Sequence[OutgoingRecord],
        consumed: Mapping[TopicPartition, Committed],
        consumer: Consumer,
    ) -> None:
        """Return once records and offsets are in the log, together.

        Raises:
            BusUnavailable, BusRefused: Nothing of it is, or what became of it is not known: open
                the id anew and look what is committed before anything else is written.
        """
        client = self._client
        if client is None:
            raise BusUnavailable("transaction: not open")
        group = await consumer.group_metadata()
        offsets = [
            KafkaPartition(at.topic, at.partition, to.offset, metadata=to.metadata)
            for at, to in consumed.items()
        ]

        def transact() -> None:
            client.begin_transaction()
            refused: list[KafkaError] = []
            for record in records:
                _enqueue(client, record, refused)
            _retried(lambda: client.send_offsets_to_transaction(offsets, group, CALL_SECONDS))
            if refused:
                raise KafkaException(refused[0])
            _retried(lambda: client.commit_transaction(CALL_SECONDS))

        await _told(transact, "transaction")


def _end(client: KafkaProducer) -> None:
    """Close it; what is open is ended by whoever opens the id next, or by its time-out."""
    with suppress(KafkaException):  # it may have been fenced
        client.purge()
        client.close()


def _enqueue(client: KafkaProducer, record: OutgoingRecord, refused: list[KafkaError]) -> None:
    """Hand one record to librdkafka, waiting while its queue is full."""

    def delivered(error: KafkaError | None, message: object) -> None:
        if error is not None:
            refused.append(error)

    while True:
        try:
            client.produce(
                record.topic,
                record.value,
                record.key,
                -1 if record.partition is None else record.partition,
                delivered,
                None,  # the other name of the callback
                record.timestamp_ms or 0,
                list(record.headers) or None,
            )
        except BufferError:
            client.poll(_FULL_SECONDS)
        else:
            return


def _retried(call: Callable[[], object]) -> None:
    """Call again while the client says that this may help, for a bounded time each."""
    for attempt in range(3):
        try:
            call()
        except KafkaException as error:
            cause = error.args[0]
            if attempt < 2 and isinstance(cause, KafkaError) and cause.retriable():
                continue
            raise
        else:
            return


async def _told(work: Callable[[], T], doing: str) -> T:
    """Do it in a thread; its failure as one of ours."""
    try:
        return await asyncio.to_thread(work)
    except KafkaException as error:
        raise translated_exception(error, doing) from error
