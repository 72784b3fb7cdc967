"""The sinks role: the ClickHouse sink and the webhook sink in one process, as two groups."""

import asyncio
from collections.abc import Callable, Collection

from pipeline.bus.control import ControlFollower
from pipeline.bus.producer import Producer
from pipeline.settings import PipelineSettings
from pipeline.sinks.buffer import Limits
from pipeline.sinks.clickhouse import ClickHouseSink
from pipeline.sinks.post import Post
from pipeline.sinks.shelves import shelves
from pipeline.sinks.sink_loop import SinkLoop
from pipeline.sinks.webhook import WebhookSink
from pipeline.store.client import StoreClient
from pipeline.store.native import Rows
from pipeline.store.queries.ledger import is_booked, stored_ranges

CLICKHOUSE_GROUP = "tocsin-sink-clickhouse"
BATCH_BYTES = 16 << 20


class StoredBatches:
    """The store as the ClickHouse sink asks it: insert, and what of a range is there already."""

    def __init__(self, client: StoreClient) -> None:
        self._client = client

    async def insert(self, table: str, rows: Rows, *, token: str) -> None:
        """Store rows once for each token."""
        await self._client.insert(table, rows, token=token)

    async def stored_offsets(
        self, table: str, topic: str, partition: int, first: int, last: int
    ) -> Collection[int]:
        """Which offsets of a range have a row."""
        found = await stored_ranges(self._client, table, topic, partition, first=first, last=last)
        return {offset for span in found for offset in range(span.first, span.last + 1)}

    async def has_ledger(self, topic: str, partition: int, first: int, last: int) -> bool:
        """Whether ledger rows of exactly this range are stored."""
        return await is_booked(self._client, topic, partition, first=first, last=last)


async def run(settings: PipelineSettings, *, ready: Callable[[], None]) -> None:
    """Fill the store and tell the destinations until cancelled; what is in hand is finished.

    Args:
        settings: Where bus and store are, how batches are cut, how webhooks are tried.
        ready: Called once both groups read.
    """
    missing = 2

    def one_is_ready() -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            ready()

    async with (
        StoreClient(settings.store) as store,
        Producer(settings.bus, client_id="tocsin-sinks") as producer,
        ControlFollower(settings.bus, client_id="tocsin-sink-control") as follower,
        Post(settings.webhook) as post,
        asyncio.TaskGroup() as tasks,
    ):
        filling = SinkLoop(
            settings.bus,
            group=CLICKHOUSE_GROUP,
            topics=sorted(shelves()),
            sink=ClickHouseSink(StoredBatches(store), producer),
            limits=Limits(
                rows=settings.store.batch_rows,
                size_bytes=BATCH_BYTES,
                age_seconds=settings.store.batch_age.total_seconds(),
            ),
        )
        telling = WebhookSink(
            settings.bus, webhook=settings.webhook, follower=follower, producer=producer, post=post
        )
        tasks.create_task(filling.run(ready=one_is_ready), name="sink-clickhouse")
        tasks.create_task(telling.run(ready=one_is_ready), name="sink-webhook")
