"""Topics, groups and lag through the standard admin APIs; nothing that a real Kafka lacks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

import msgspec
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource, ConfigSource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.cimpl import NewTopic

from pipeline.bus.connection import client_config, translated_exception
from pipeline.bus.consumer import Record, as_committed, raise_first_error
from pipeline.bus.position import Committed, OffsetRange, TopicPartition
from pipeline.bus.producer import MAX_RECORD_BYTES
from pipeline.bus.reader import Reader
from pipeline.errors import BusUnavailable
from pipeline.schema.topics import Topic
from pipeline.settings import BusSettings

CALL_SECONDS = 10.0
READ_SECONDS = 5.0
RETRY_SECONDS = 0.2
HANGING_SECONDS = 3.0
FIRST_NODE_SECONDS, SECOND_NODE_SECONDS = 1.0, 2.0
CLUSTER_S_DEFAULT = -1  # KIP-464
MIN_INSYNC_REPLICAS = "min.insync.replicas"
T = TypeVar("T")


class PartitionDescription(msgspec.Struct, frozen=True):
    """One partition as the cluster sees it.

    Attributes:
        partition: Its number.
        leader: Node that leads it; -1 for none.
        replicas: Nodes that hold a copy.
        in_sync: Those of them that have all of it.
    """

    partition: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


class TopicDescription(msgspec.Struct, frozen=True):
    """A topic as the cluster sees it."""

    name: str
    partitions: tuple[PartitionDescription, ...]

    @property
    def led(self) -> list[TopicPartition]:
        """The partitions that somebody leads: those that can be asked what they hold."""
        return [
            TopicPartition(self.name, one.partition) for one in self.partitions if one.leader >= 0
        ]


class NodeDescription(msgspec.Struct, frozen=True):
    """A node that takes part, and the ``host:port`` that it is known by."""

    node_id: int
    address: str


class ClusterDescription(msgspec.Struct, frozen=True):
    """Nodes that are alive, by number, and every topic we may see, by name."""

    nodes: tuple[NodeDescription, ...]
    topics: tuple[TopicDescription, ...]


class GroupDescription(msgspec.Struct, frozen=True):
    """A consumer group as its coordinator sees it.

    Attributes:
        name: The group's id.
        state: STABLE, EMPTY, PREPARING_REBALANCING, COMPLETING_REBALANCING or DEAD; of the new
            protocol (KIP-848) also ASSIGNING or RECONCILING.
        members: Client ids and the partitions each of them holds.
    """

    name: str
    state: str
    members: tuple[tuple[str, tuple[TopicPartition, ...]], ...]


class Admin:
    """Asks and tells a cluster; keeps no state. For the loop; waiting is done in threads.

    Args:
        settings: Which cluster, and how to sign in.
        client_id: What the broker's logs call us.
        call_seconds: How long each question may take.
        hanging_seconds: A node that has not answered for so long is disconnected, and another one
            asked; None for the client's own minute. For who asks again and again: a question that
            is still open when its node leaves the cluster can end the process (an assertion of
            librdkafka 2.16: four of five times in trials, one of three with three seconds).
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        client_id: str = "tocsin-admin",
        call_seconds: float = CALL_SECONDS,
        hanging_seconds: float | None = None,
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._seconds = call_seconds
        self._config = client_config(settings, client_id=client_id)
        if hanging_seconds is not None:
            self._config["socket.timeout.ms"] = round(hanging_seconds * 1000)
        self._opened: AdminClient | None = None

    @property
    def _client(self) -> AdminClient:
        if self._opened is None:
            self._opened = AdminClient(self._config)  # type: ignore[arg-type]  # callbacks too
        return self._opened

    async def cluster_id(self) -> str:
        """The cluster's id; a mirror's records keep the ids that this one's position gave."""
        return (await self._metadata()).cluster_id or ""

    async def describe(self) -> ClusterDescription:
        """Nodes, topics, and of each partition who leads it and who has all of it."""
        metadata = await self._metadata()
        topics = [
            TopicDescription(
                name,
                tuple(
                    PartitionDescription(
                        number, found.leader, tuple(found.replicas), tuple(found.isrs)
                    )
                    for number, found in sorted(topic.partitions.items())
                ),
            )
            for name, topic in sorted(metadata.topics.items())
        ]
        nodes = [
            NodeDescription(node_id, f"{node.host}:{node.port}")
            for node_id, node in sorted(metadata.brokers.items())
        ]
        return ClusterDescription(tuple(nodes), tuple(topics))

    async def topics(self) -> Sequence[TopicDescription]:
        """Every topic we may see, by name."""
        return (await self.describe()).topics

    async def ensure_topics(self, topics: Sequence[Topic]) -> list[str]:
        """Create those that do not exist; returns their names. Others are left as they are.

        They have as many copies as the settings say.

        Raises:
            BusRefused: The cluster will not have one of them.
        """
        present = {topic.name for topic in await self.topics()}
        missing = [topic for topic in topics if topic.name not in present]
        if not missing:
            return []
        created = self._client.create_topics(
            [self._new_topic(topic.name, topic.partitions, _config(topic)) for topic in missing],
            operation_timeout=self._seconds,
            request_timeout=2 * self._seconds,
        )
        for name, outcome in created.items():
            await _ignoring(KafkaError.TOPIC_ALREADY_EXISTS, outcome, f"create {name}")
        return sorted(created)

    async def create_topic(self, name: str, partitions: int, config: Mapping[str, str]) -> None:
        """Create one topic as it is described; one that exists is left as it is.

        It has as many copies as the settings say.
        """
        new = self._new_topic(name, partitions, config)
        outcome = self._client.create_topics([new], operation_timeout=self._seconds)[name]
        await _ignoring(KafkaError.TOPIC_ALREADY_EXISTS, outcome, f"create {name}")

    async def topic_configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """What each topic sets for itself, by topic and setting; defaults are left out."""
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        if not resources:
            return {}
        asked = self._client.describe_configs(resources, request_timeout=self._seconds)
        configs = {}
        for resource, outcome in asked.items():
            entries = await _awaited(outcome, f"configuration of {resource.name}")
            configs[resource.name] = {
                entry.name: entry.value
                for entry in entries.values()
                if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
            }
        return configs

    async def delete_records(self, partition: TopicPartition, before: int) -> None:
        """Delete the records below an offset: it is the log start from now on."""
        await self._patiently(lambda: self._delete_records(partition, before))

    async def _delete_records(self, partition: TopicPartition, before: int) -> None:
        asked = KafkaPartition(partition.topic, partition.partition, before)
        [outcome] = self._client.delete_records([asked], request_timeout=self._seconds).values()
        await _awaited(outcome, f"delete records of {partition.topic}")

    async def delete_topic(self, name: str) -> None:
        """Delete a topic and all its records; one that does not exist is fine."""
        outcome = self._client.delete_topics([name], operation_timeout=self._seconds)[name]
        await _ignoring(KafkaError.UNKNOWN_TOPIC_OR_PART, outcome, f"delete {name}")

    async def offsets(self, topics: Iterable[str]) -> dict[TopicPartition, OffsetRange]:
        """What every partition of these topics holds; topics that do not exist are left out."""
        wanted = set(topics)
        partitions = [
            TopicPartition(topic.name, partition.partition)
            for topic in await self.topics()
            if topic.name in wanted
            for partition in topic.partitions
        ]
        return await self.offsets_of(partitions)

    async def offsets_of(
        self, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, OffsetRange]:
        """What these partitions hold.

        Raises:
            BusUnavailable: Nobody leads one of them, or its leader does not answer.
        """
        earliest, latest = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
        starts = await self._patiently(lambda: self._list_offsets(partitions, earliest))
        ends = await self._patiently(lambda: self._list_offsets(partitions, latest))
        return {at: OffsetRange(starts[at], ends[at]) for at in partitions}

    async def offsets_at(
        self, partitions: Sequence[TopicPartition], time_ms: int
    ) -> dict[TopicPartition, int]:
        """The first record of each partition that is as late as that; those without are left out.

        Args:
            time_ms: Since 1970; the record's own timestamp counts.

        Raises:
            BusUnavailable: Nobody leads one of them, or its leader does not answer.
        """
        spec = OffsetSpec.for_timestamp(max(0, time_ms))
        found = await self._patiently(lambda: self._list_offsets(partitions, spec))
        return {at: offset for at, offset in found.items() if offset >= 0}

    async def groups(self) -> list[GroupDescription]:
        """Every consumer group, by name."""
        listing = await _awaited(
            self._client.list_consumer_groups(request_timeout=self._seconds), "list groups"
        )
        names = sorted(group.group_id for group in listing.valid)
        if not names:
            return []
        described = self._client.describe_consumer_groups(names, request_timeout=self._seconds)
        groups = [await _awaited(described[name], f"describe {name}") for name in names]
        return [
            GroupDescription(
                group.group_id,
                group.state.name,
                tuple(
                    (member.client_id, tuple(_partitions(member.assignment.topic_partitions)))
                    for member in group.members
                ),
            )
            for group in groups
        ]

    async def committed(self, group: str) -> dict[TopicPartition, Committed]:
        """What a group has committed, for every partition it has committed anything for."""
        asked = self._client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=self._seconds
        )
        found = await _awaited(asked[group], f"offsets of {group}")
        try:
            committed = as_committed(found.topic_partitions)
        except KafkaException as error:
            raise translated_exception(error, f"offsets of {group}") from error
        return {at: to for at, to in committed.items() if to is not None}

    async def commit(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Commit for a group that has no members; a coordinator still loading is waited for."""
        await self._patiently(lambda: self._commit(group, offsets))

    async def _commit(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        wanted = [
            KafkaPartition(at.topic, at.partition, to.offset, metadata=to.metadata)
            for at, to in offsets.items()
        ]
        asked = self._client.alter_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, wanted)], request_timeout=self._seconds
        )
        answer = await _awaited(asked[group], f"commit for {group}")
        try:
            raise_first_error(answer.topic_partitions)
        except KafkaException as error:
            raise translated_exception(error, f"commit for {group}") from error

    async def lag(self, group: str) -> dict[TopicPartition, int]:
        """Records between what a group has committed and the end, by partition.

        Partitions that it has committed nothing for are left out.
        """
        committed = await self.committed(group)
        held = await self.offsets({at.topic for at in committed})
        return {
            at: max(0, held[at].end - max(to.offset, held[at].start))
            for at, to in committed.items()
            if at in held
        }

    async def read(self, partition: TopicPartition, offset: int, max_records: int) -> list[Record]:
        """Up to that many records from an offset on; fewer at the end of the partition.

        An offset below the log start reads from there.
        """
        records: list[Record] = []
        async with Reader(self._settings, client_id=self._client_id) as reader:
            held = (await reader.offsets([partition]))[partition]
            if offset >= held.end:
                return []
            await reader.assign({partition: max(offset, held.start)})
            deadline = asyncio.get_running_loop().time() + READ_SECONDS
            while len(records) < max_records and reader.positions[partition] < held.end:
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0:
                    break
                records += await reader.poll(
                    max_records=max_records - len(records), timeout_seconds=min(left, 0.5)
                )
        return records

    async def _list_offsets(
        self, partitions: Sequence[TopicPartition], spec: OffsetSpec
    ) -> Mapping[TopicPartition, int]:
        if not partitions:
            return {}
        asked = self._client.list_offsets(
            {KafkaPartition(at.topic, at.partition): spec for at in partitions},
            request_timeout=self._seconds,
        )
        return {
            TopicPartition(at.topic, at.partition): (await _awaited(outcome, "offsets")).offset
            for at, outcome in asked.items()
        }

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask again while there is no leader or coordinator: a fresh topic's is on its way."""
        deadline = asyncio.get_running_loop().time() + self._seconds
        while True:
            try:
                return await ask()
            except BusUnavailable:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(RETRY_SECONDS)

    def _new_topic(self, name: str, partitions: int, config: Mapping[str, str]) -> NewTopic:
        copies, in_sync = self._settings.replication_factor, self._settings.min_insync_replicas
        durability = {} if in_sync is None else {MIN_INSYNC_REPLICAS: str(in_sync)}
        return NewTopic(
            name,
            num_partitions=partitions,
            replication_factor=copies or CLUSTER_S_DEFAULT,
            config={**config, **durability},
        )

    async def _metadata(self) -> ClusterMetadata:
        """Ask some node; one that hangs is given up after a while for another one."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        for patience in (FIRST_NODE_SECONDS, SECOND_NODE_SECONDS):
            if deadline - loop.time() > patience:
                with suppress(BusUnavailable):
                    return await self._listing(patience)
        return await self._listing(max(deadline - loop.time(), 0.1))

    async def _listing(self, seconds: float) -> ClusterMetadata:
        return await self._in_thread(lambda: self._client.list_topics(timeout=seconds))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except KafkaException as error:
            raise translated_exception(error, "ask the cluster") from error


def _config(topic: Topic) -> Mapping[str, str]:
    return {
        "retention.ms": str(topic.retention_ms),
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "max.message.bytes": str(MAX_RECORD_BYTES),  # Kafka's own default is a megabyte
    }


def _partitions(found: Iterable[KafkaPartition]) -> list[TopicPartition]:
    return sorted(TopicPartition(at.topic, at.partition) for at in found)


async def _awaited(outcome: "Future[T]", doing: str) -> T:
    try:
        return await asyncio.wrap_future(outcome)
    except KafkaException as error:
        raise translated_exception(error, doing) from error


async def _ignoring(code: int, outcome: "Future[None]", doing: str) -> None:
    """Wait for an outcome that may also be that one error."""
    try:
        await asyncio.wrap_future(outcome)
    except KafkaException as error:
        if isinstance(error.args[0], KafkaError) and error.args[0].code() == code:
            return
        raise translated_exception(error, doing) from error
