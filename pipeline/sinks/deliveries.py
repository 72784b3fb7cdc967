"""What the deliveries topic says of earlier attempts: who was told already, who still waits.

The tail of the topic is read when partitions of alerts become ours. An alert and a destination
whose latest record says delivered or failed are done; one that says retrying goes on.
"""

from collections import OrderedDict
from collections.abc import Iterable

from pipeline.bus.consumer import Record
from pipeline.bus.position import TopicPartition
from pipeline.bus.reader import Reader
from pipeline.errors import BusUnavailable, UndecodableRecord
from pipeline.schema.delivery import Delivery, DeliveryStatus, decode_delivery
from pipeline.schema.topics import DELIVERIES
from pipeline.settings import BusSettings

TAIL_RECORDS = 50_000
MAX_KNOWN = 200_000
POLL_RECORDS = 5_000
POLL_SECONDS = 1.0

Key = tuple[str, str]
"""Alert id and destination."""


class KnownDeliveries:
    """The latest record of each alert and destination; the oldest are forgotten. Pure."""

    def __init__(self, limit: int = MAX_KNOWN) -> None:
        self._limit = limit
        self._latest: OrderedDict[Key, Delivery] = OrderedDict()

    def __len__(self) -> int:
        return len(self._latest)

    def take(self, delivery: Delivery) -> None:
        """This is the latest of its alert and destination, unless a later attempt is known."""
        key = (delivery.alert_id, delivery.destination)
        known = self._latest.get(key)
        if known is not None and (known.attempt, _is_over(known)) > (
            delivery.attempt,
            _is_over(delivery),
        ):
            return
        self._latest[key] = delivery
        self._latest.move_to_end(key)
        if len(self._latest) > self._limit:
            self._latest.popitem(last=False)

    def of(self, alert_id: str, destination: str) -> Delivery | None:
        """The latest attempt that is known."""
        return self._latest.get((alert_id, destination))

    def waiting(self, partitions: Iterable[TopicPartition]) -> list[Delivery]:
        """Those of alerts in these partitions that are to be tried again."""
        wanted = {(at.topic, at.partition) for at in partitions}
        return [
            delivery
            for delivery in self._latest.values()
            if not _is_over(delivery) and (delivery.alert_topic, delivery.alert_partition) in wanted
        ]


def _is_over(delivery: Delivery) -> bool:
    return delivery.status is not DeliveryStatus.RETRYING


async def read_tail(settings: BusSettings, *, client_id: str) -> list[Delivery]:
    """The last records of the deliveries topic, in order of each partition.

    Raises:
        BusUnavailable: The log did not answer.
    """
    async with Reader(settings, client_id=client_id) as reader:
        held = await reader.offsets(await reader.partitions(DELIVERIES))
        await reader.assign(
            {at: max(span.start, span.end - TAIL_RECORDS) for at, span in held.items()}
        )
        found: list[Delivery] = []
        quiet = 0
        while any(reader.positions[at] < span.end for at, span in held.items()):
            records = await reader.poll(max_records=POLL_RECORDS, timeout_seconds=POLL_SECONDS)
            quiet = 0 if records else quiet + 1
            if quiet > 10:
                raise BusUnavailable("the tail of deliveries does not come")
            found += _decoded(records)
        return found


def _decoded(records: Iterable[Record]) -> list[Delivery]:
    deliveries = []
    for record in records:
        try:
            deliveries.append(decode_delivery(record.value or b""))
        except UndecodableRecord:
            continue  # the ClickHouse sink parks and counts it
    return deliveries
