"""Copy a whole log to another cluster, every record at the offset it had.

Offsets are what the ledger, the sinks' intents and the groups' progress are written in. So a
partition whose log starts at offset n first gets n empty records, which are deleted before
anything else is written; then every record follows in order, and its new offset is compared with
the old one. Compacted topics have holes, and nobody keeps their offsets: they are only copied, and
copied again by another run, which leaves the same last record of each key.

Nobody may write to either cluster meanwhile. A second run goes on where the first one ended.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.bus.admin import MIN_INSYNC_REPLICAS, Admin, TopicDescription
from pipeline.bus.consumer import Record
from pipeline.bus.position import OffsetRange, TopicPartition
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.bus.reader import Reader
from pipeline.errors import BusRefused, BusUnavailable
from pipeline.settings import BusSettings

CLIENT_ID = "tocsin-mirror"
BATCH_RECORDS = 10_000
SILENT_POLLS = 60
LISTED_SECONDS = 30.0
LOOK_SECONDS = 0.1
INTERNAL_PREFIX = "__"
FILLER = b"tocsin-mirror"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """What one run did.

    Attributes:
        topics: Topics that are there now.
        records: Records that this run copied.
        groups: Consumer groups whose committed offsets were set.
    """

    topics: int
    records: int
    groups: int


class Mirror:
    """Copies from one cluster to another. For the loop.

    Args:
        source, target: The clusters, and how to sign in to each.
        tell: Called with a line for people after each topic.
    """

    def __init__(
        self, source: BusSettings, target: BusSettings, tell: Callable[[str], None]
    ) -> None:
        self._source, self._target = Admin(source), Admin(target)
        self._reader = Reader(source, client_id=CLIENT_ID)
        self._producer = Producer(target, client_id=CLIENT_ID)
        self._tell = tell

    async def run(self) -> Mirrored:
        """Copy everything: topics with their configuration, records, committed offsets.

        Raises:
            BusRefused: The target has records or partitions that are not the source's, or the
                source has a hole, or was written to.
            BusUnavailable: A cluster does not answer.
        """
        topics = [
            topic
            for topic in await self._source.topics()
            if not topic.name.startswith(INTERNAL_PREFIX)
        ]
        configs = await self._source.topic_configs([topic.name for topic in topics])
        before = await self._source.offsets([topic.name for topic in topics])
        await self._make(topics, configs)
        records = 0
        async with self._reader, self._producer:
            for topic in topics:
                is_compacted = "compact" in configs[topic.name].get("cleanup.policy", "")
                copied = [
                    await self._copy(at, span, keeps_offsets=not is_compacted)
                    for at, span in sorted(before.items())
                    if at.topic == topic.name
                ]
                records += sum(copied)
                self._tell(f"{topic.name}: {sum(copied)} records")
        if await self._source.offsets([topic.name for topic in topics]) != before:
            raise BusRefused("the source was written to meanwhile: stop every role but the broker")
        groups = await self._commit()
        return Mirrored(topics=len(topics), records=records, groups=groups)

    async def _make(
        self, topics: Sequence[TopicDescription], configs: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Make the topics that the target lacks."""
        present = {topic.name: len(topic.partitions) for topic in await self._target.topics()}
        for topic in topics:
            count = len(topic.partitions)
            if present.get(topic.name, count) != count:
                raise BusRefused(
                    f"{topic.name} has {count} partitions here, {present[topic.name]} there"
                )
            if topic.name not in present:
                config = {
                    name: value
                    for name, value in configs[topic.name].items()
                    if name != MIN_INSYNC_REPLICAS  # of the source's copies; not of the target's
                }
                await self._target.create_topic(topic.name, count, config)

        await self._listed({topic.name for topic in topics})

    async def _listed(self, names: set[str]) -> None:
        """Wait until the target's brokers know of the topics that its controller has made."""
        deadline = asyncio.get_running_loop().time() + LISTED_SECONDS
        while missing := names - {topic.name for topic in await self._target.topics()}:
            if asyncio.get_running_loop().time() > deadline:
                raise BusUnavailable(f"not listed after {LISTED_SECONDS:.0f} s: {sorted(missing)}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _copy(self, at: TopicPartition, span: OffsetRange, *, keeps_offsets: bool) -> int:
        """Copy one partition; how many records."""
        reached = (await self._target.offsets([at.topic]))[at].end
        if not keeps_offsets:
            return await self._follow(at, span.start, span.end, None)
        if reached > span.end:
            raise BusRefused(f"{at.topic}:{at.partition} ends at {reached} there, {span.end} here")
        while reached < span.start:
            count = min(BATCH_RECORDS, span.start - reached)
            filler = OutgoingRecord(topic=at.topic, partition=at.partition, key=FILLER, value=None)
            await self._producer.publish([filler] * count)
            reached += count
        await self._target.delete_records(at, span.start)
        return await self._follow(at, reached, span.end, reached)

    async def _follow(self, at: TopicPartition, start: int, end: int, expected: int | None) -> int:
        """Copy from ``start`` to ``end``; ``expected`` is the offset that must come next."""
        if start >= end:
            return 0
        await self._reader.assign({at: start})
        copied = silent = 0
        while self._reader.positions[at] < end:
            records = await self._reader.poll(max_records=BATCH_RECORDS, timeout_seconds=0.5)
            silent = 0 if records else silent + 1
            if silent > SILENT_POLLS:
                raise BusUnavailable(f"{at.topic}:{at.partition} gives nothing before {end}")
            places = await self._producer.publish([_outgoing(record) for record in records])
            copied += len(records)
            if expected is None:
                continue
            for record, place in zip(records, places, strict=True):
                if not record.offset == place.offset == expected:
                    raise BusRefused(
                        f"{at.topic}:{at.partition}: offset {record.offset} became"
                        f" {place.offset}, {expected} was to come"
                    )
                expected += 1
        return copied

    async def _commit(self) -> int:
        """Commit on the target what every group has committed on the source."""
        groups = 0
        for group in await self._source.groups():
            if committed := await self._source.committed(group.name):
                await self._target.commit(group.name, committed)
                groups += 1
        return groups


def _outgoing(record: Record) -> OutgoingRecord:
    return OutgoingRecord(
        topic=record.topic,
        partition=record.partition,
        key=record.key,
        value=record.value,
        headers=record.headers,
        timestamp_ms=record.timestamp_ms if record.timestamp_ms > 0 else None,
    )
