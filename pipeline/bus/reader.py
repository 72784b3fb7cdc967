"""Read partitions from a place of one's own choosing, without a group and without commits.

For those who replay: the control topic from its beginning, the tail of a topic, a page that
shows records. For the loop; waiting is done in a thread.
"""

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self, TypeVar

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, Message
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.bus.client_thread import ClientThread
from pipeline.bus.connection import client_config
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
        self._name = f"reader-{client_id}"
        self._thread: ClientThread | None = None
        self._positions: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        self._thread = ClientThread(self._config, name=self._name)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            await self._thread.close(lambda client: client.unassign())

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
        """What has arrived, up to that many records; none when the timeout or every partition
        ends first."""
        assert self._thread is not None, "entered"
        messages = await self._thread.consume(max_records, timeout_seconds, "read")
        records = to_records(message for message in messages if not _is_end(message))
        for record in records:
            self._positions[TopicPartition(record.topic, record.partition)] = record.offset + 1
        for message in messages:
            if _is_end(message):
                at = TopicPartition(message.topic() or "", message.partition() or 0)
                self._positions[at] = message.offset() or 0
        return records

    async def _in_thread(self, work: Callable[[KafkaConsumer], T], doing: str) -> T:
        if self._thread is None:
            raise BusUnavailable(f"{doing}: the reader is not open")
        return await self._thread.call(work, doing)


def _is_end(message: Message) -> bool:
    """Whether it says that a partition has no more records; its offset is the next one."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF
