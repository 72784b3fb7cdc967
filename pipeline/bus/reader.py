"""Read partitions from a place of one's own choosing, without a group and without commits.

For those who replay: the control topic from its beginning, the tail of a topic, a page that
shows records. For the loop; waiting is done in a thread.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.bus.connection import client_config, translated_exception
from pipeline.bus.consumer import FETCH_CONFIG, Record, to_records
from pipeline.bus.position import OffsetRange, TopicPartition
from pipeline.errors import BusUnavailable
from pipeline.settings import BusSettings

CALL_SECONDS = 10.0
T = TypeVar("T")


class Reader:
    """Reads assigned partitions; an async context manager.

    Args:
        settings: Which cluster, and how to sign in.
        client_id: What the broker's logs call us.
    """

    def __init__(self, settings: BusSettings, *, client_id: str) -> None:
        self._config = {
            **client_config(settings, client_id=client_id),
            **FETCH_CONFIG,
            "group.id": f"{client_id}-reader",  # demanded by the library, never joined
            "enable.partition.eof": True,
        }
        self._client: KafkaConsumer | None = None
        self._threads = ThreadPoolExecutor(2, thread_name_prefix=f"reader-{client_id}")
        self._positions: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        self._client = KafkaConsumer(self._config)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            await asyncio.get_running_loop().run_in_executor(self._threads, client.close)
        self._threads.shutdown(wait=False)

    @property
    def positions(self) -> Mapping[TopicPartition, int]:
        """The next offset of each assigned partition, as far as it was handed over."""
        return self._positions

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic; empty if it does not exist."""

        def ask(client: KafkaConsumer) -> list[TopicPartition]:
            found = client.list_topics(topic, CALL_SECONDS).topics.get(topic)
            numbers = found.partitions if found is not None and found.error is None else ()
            return [TopicPartition(topic, number) for number in sorted(numbers)]

        return await self._in_thread(ask, f"partitions of {topic}")

    async def offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, OffsetRange]:
        """What each partition holds at this moment."""

        def ask(client: KafkaConsumer) -> dict[TopicPartition, OffsetRange]:
            return {
                at: OffsetRange(
                    *client.get_watermark_offsets(
                        KafkaPartition(at.topic, at.partition), CALL_SECONDS
                    )
                )
                for at in partitions
            }

        return await self._in_thread(ask, "offsets")

    async def assign(self, starts: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from these offsets on, and no others."""
        wanted = [KafkaPartition(at.topic, at.partition, offset) for at, offset in starts.items()]
        self._positions = dict(starts)
        await self._in_thread(lambda client: client.assign(wanted), "assign")

    async def poll(self, *, max_records: int, timeout_seconds: float) -> list[Record]:
        """Up to that many records; none when the timeout or every partition ends first."""
        messages = await self._in_thread(
            lambda client: client.consume(max_records, timeout_seconds), "read"
        )
        records = to_records(message for message in messages if not _is_end(message))
        for record in records:
            self._positions[TopicPartition(record.topic, record.partition)] = record.offset + 1
        for message in messages:
            if _is_end(message):
                at = TopicPartition(message.topic() or "", message.partition() or 0)
                self._positions[at] = message.offset() or 0
        return records

    async def _in_thread(self, work: Callable[[KafkaConsumer], T], doing: str) -> T:
        client = self._client
        if client is None:
            raise BusUnavailable(f"{doing}: the reader is closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, client)
        except KafkaException as error:
            raise translated_exception(error, doing) from error


def _is_end(message: Message) -> bool:
    """Whether it says that a partition has no more records; its offset is the next one."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF
