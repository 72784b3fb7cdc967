"""Transactional ids over real logs: decisions, markers, timeouts, and every point of a crash."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker_core.coordinator.markers import LocalMarkers, MarkerWriter
from broker_core.coordinator.offset_records import CommittedOffset
from broker_core.coordinator.offsets import OffsetStore
from broker_core.coordinator.producer_ids import ProducerIds
from broker_core.coordinator.shards import OwnShards
from broker_core.coordinator.transaction import ProducerIdentity, TopicPartition, TransactionState
from broker_core.coordinator.transaction_registry import MAX_ID_BYTES, TransactionRegistry
from broker_core.coordinator.transaction_store import TransactionStore, make_topic
from broker_core.errors import (
    BrokerError,
    CoordinatorNotAvailable,
    InvalidProducerIdMapping,
    InvalidRequest,
    InvalidTransactionTimeout,
    NotCoordinator,
    PolicyViolation,
    ProducerFenced,
    StorageError,
)
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.control_record import Marker
from broker_core.replication.replica import Replica
from broker_core.replication.replicas import Replicas
from broker_core.settings import TransactionSettings
from tests.support.partition import TurnedClock, batch, open_directory, read_committed

SECONDS = 30
PLACES = [("events", 0), ("events", 1)]


class Held:
    """Writes markers once it is let: before that, those of ``only``; then fails as told."""

    def __init__(self, writer: MarkerWriter) -> None:
        self.writer = writer
        self.may_write = asyncio.Event()
        self.only: list[TopicPartition] | None = None
        self.failures: list[BrokerError] = []

    async def write(
        self, marker: Marker, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, BrokerError]:
        if self.only is not None:
            await self.writer.write(marker, [one for one in partitions if one in self.only])
        await self.may_write.wait()
        if self.failures:
            error = self.failures.pop()
            return dict.fromkeys(partitions, error)
        return await self.writer.write(marker, partitions)


class Node:
    """The coordinator's parts over one directory."""

    def __init__(self, path: Path, clock: TurnedClock, **settings: object) -> None:
        self.clock = clock
        self.logs: LogDirectory = open_directory(path, clock)
        self.commit = GroupCommit(self.logs.fault)
        if "events" not in self.logs.topics():
            self.logs.create_topic("events", 2, {})
        self.offsets = OffsetStore.open(self.logs, self.commit, clock, partitions=1)
        self.replicas = Replicas(self.logs, self.commit)
        self.shards = OwnShards("__transaction_state", self.replicas, make_topic(self.logs, 1))
        self.markers = Held(LocalMarkers(self.replicas, self.offsets))
        self.registry = TransactionRegistry(
            TransactionStore(self.shards, clock),
            self.markers,
            ProducerIds(path),
            TransactionSettings.model_validate(settings),
            clock,
        )

    def log(self, partition: int = 0) -> PartitionLog:
        log = self.logs.get("events", partition)
        assert log is not None
        return log

    async def begin(self, producer: ProducerIdentity, value: bytes = b"x") -> None:
        """Let the producer write to both partitions."""
        await self.registry.add_partitions("t", producer, PLACES)
        for topic, partition in PLACES:
            replica = self.replicas.leading(topic, partition)
            known = replica.log.producers.get(producer.producer_id)
            last = known.batches[-1].last_sequence if known and known.batches else -1
            data = batch(
                value,
                producer_id=producer.producer_id,
                epoch=producer.epoch,
                sequence=last + 1,
                transactional=True,
            )
            result = replica.append(data)
            await replica.acknowledged(result.last_offset + 1)

    def seen(self) -> list[list[bytes | None]]:
        return [[one.value for one in read_committed(self.log(number))] for number in (0, 1)]

    def state(self) -> TransactionState:
        return self.registry.transactions["t"].state

    async def until(self, state: TransactionState) -> None:
        async with asyncio.timeout(SECONDS):
            while self.state() is not state:  # noqa: ASYNC110 - the registry tells nobody
                await asyncio.sleep(0.002)


@asynccontextmanager
async def running(path: Path, clock: TurnedClock, **settings: object) -> AsyncIterator[Node]:
    """A node that ends as a killed one does: nothing is closed in order."""
    node = Node(path, clock, **settings)
    await node.registry.load(node.shards.replica(0))
    try:
        yield node
    finally:
        await node.registry.close()
        await node.commit.close()
        node.logs.let_go()


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
async def node(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[Node]:
    async with running(tmp_path, clock) as made:
        made.markers.may_write.set()
        yield made


@pytest.mark.parametrize("committed", [True, False])
async def test_what_was_decided_is_what_readers_see(node: Node, committed: bool) -> None:
    producer = await node.registry.init_producer("t", None, 1000)
    await node.begin(producer)
    assert node.seen() == [[], []]

    await node.registry.end("t", producer, committed=committed)

    assert node.seen() == ([[b"x"], [b"x"]] if committed else [[], []])
    assert node.log().last_stable_offset == 2


async def test_the_next_transaction_can_begin_at_once(node: Node) -> None:
    producer = await node.registry.init_producer("t", None, 1000)
    for number in range(5):
        await node.begin(producer, b"%d" % number)
        await node.registry.end("t", producer, committed=number % 2 == 0)

    assert node.seen() == [[b"0", b"2", b"4"]] * 2


async def test_who_begins_anew_aborts_what_its_predecessor_began(node: Node) -> None:
    zombie = await node.registry.init_producer("t", None, 1000)
    await node.begin(zombie)

    successor = await node.registry.init_producer("t", None, 1000)

    assert successor.producer_id == zombie.producer_id
    assert successor.epoch == zombie.epoch + 2, "one for the abort, one for the successor"
    assert node.seen() == [[], []]
    with pytest.raises(ProducerFenced):
        await node.registry.end("t", zombie, committed=True)
    with pytest.raises(BrokerError, match="epoch"):
        node.log().append(
            batch(b"late", producer_id=zombie.producer_id, epoch=zombie.epoch, sequence=1)
        )


async def test_a_producer_goes_on_with_its_next_epoch_after_an_error(node: Node) -> None:
    first = await node.registry.init_producer("t", None, 1000)
    await node.begin(first)
    await node.registry.end("t", first, committed=False)

    second = await node.registry.init_producer("t", first, 1000)
    again = await node.registry.init_producer("t", first, 1000)

    assert second == again == ProducerIdentity(first.producer_id, first.epoch + 1)


async def test_what_takes_too_long_is_aborted(node: Node, clock: TurnedClock) -> None:
    producer = await node.registry.init_producer("t", None, 1000)
    await node.begin(producer)
    clock.turn(1000)
    node.registry.check()
    assert node.state() is TransactionState.ONGOING

    clock.turn(1)
    node.registry.check()

    await node.until(TransactionState.COMPLETE_ABORT)
    assert node.seen() == [[], []]
    with pytest.raises(ProducerFenced):
        await node.registry.end("t", producer, committed=True)


async def test_an_id_that_nobody_uses_is_forgotten(tmp_path: Path, clock: TurnedClock) -> None:
    async with running(tmp_path, clock, id_expiry="PT1H") as node:
        producer = await node.registry.init_producer("t", None, 1000)
        clock.turn(3_600_001)
        node.registry.check()
        with pytest.raises(InvalidProducerIdMapping):
            await node.registry.add_partitions("t", producer, PLACES)

    async with running(tmp_path, clock) as node:
        assert node.registry.transactions == {}
        assert await node.registry.init_producer("t", None, 1000) != producer


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("marked", [[], PLACES[:1], PLACES[1:], PLACES], ids=str)
async def test_a_crash_after_the_decision_changes_nothing_about_it(
    tmp_path: Path, clock: TurnedClock, committed: bool, marked: list[TopicPartition]
) -> None:
    async with running(tmp_path, clock) as node:
        producer = await node.registry.init_producer("t", None, 1000)
        await node.begin(producer)
        node.markers.only = marked
        ending = asyncio.create_task(node.registry.end("t", producer, committed=committed))
        for _, partition in marked:
            async with asyncio.timeout(SECONDS):
                while node.log(partition).open_transactions:  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
        await node.until(
            TransactionState.PREPARE_COMMIT if committed else TransactionState.PREPARE_ABORT
        )
        async with asyncio.timeout(SECONDS):
            state_log = node.logs.get("__transaction_state", 0)
            assert state_log is not None
            while state_log.needs_flush:  # noqa: ASYNC110 - until the decision is on disk
                await asyncio.sleep(0.002)
    await asyncio.wait([ending])

    async with running(tmp_path, clock) as node:
        node.markers.may_write.set()
        await node.until(
            TransactionState.COMPLETE_COMMIT if committed else TransactionState.COMPLETE_ABORT
        )

        assert node.seen() == ([[b"x"], [b"x"]] if committed else [[], []])
        await node.registry.end("t", producer, committed=committed)  # the client asks again
        await node.begin(producer, b"y")
        await node.registry.end("t", producer, committed=True)
        assert node.seen() == ([[b"x", b"y"]] * 2 if committed else [[b"y"]] * 2)


async def test_an_ongoing_transaction_goes_on_after_a_crash(
    tmp_path: Path, clock: TurnedClock
) -> None:
    async with running(tmp_path, clock) as node:
        producer = await node.registry.init_producer("t", None, 1000)
        await node.begin(producer)

    async with running(tmp_path, clock) as node:
        node.markers.may_write.set()
        assert node.seen() == [[], []]
        await node.begin(producer, b"more")
        await node.registry.end("t", producer, committed=True)

        assert node.seen() == [[b"x", b"more"]] * 2


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("crashes", [True, False])
async def test_offsets_count_with_their_transaction(
    tmp_path: Path, clock: TurnedClock, committed: bool, crashes: bool
) -> None:
    async with running(tmp_path, clock) as node:
        node.markers.may_write.set()
        producer = await node.registry.init_producer("t", None, 1000)
        offsets = {("events", 0): CommittedOffset(5, -1, "note", 0)}
        await node.registry.add_partitions("t", producer, [("__consumer_offsets", 0)])
        await node.offsets.commit_in_transaction("g", producer, offsets)
        assert node.offsets.of("g") == {}
        assert node.offsets.unsettled("g") == {("events", 0)}
        if not crashes:
            await node.registry.end("t", producer, committed=committed)
            assert node.offsets.of("g") == (offsets if committed else {})

    async with running(tmp_path, clock) as node:
        node.markers.may_write.set()
        await node.registry.end("t", producer, committed=committed)

        assert node.offsets.of("g") == (offsets if committed else {})
        assert node.offsets.unsettled("g") == set()


@pytest.mark.parametrize("crashes", [True, False])
async def test_an_offset_committed_later_outlives_an_older_transaction(
    tmp_path: Path, clock: TurnedClock, crashes: bool
) -> None:
    later = {("events", 0): CommittedOffset(9, -1, "", 0)}
    async with running(tmp_path, clock) as node:
        node.markers.may_write.set()
        producer = await node.registry.init_producer("t", None, 1000)
        await node.registry.add_partitions("t", producer, [("__consumer_offsets", 0)])
        older = {("events", 0): CommittedOffset(5, -1, "", 0)}
        await node.offsets.commit_in_transaction("g", producer, older)
        await node.offsets.commit("g", later)
        if not crashes:
            await node.registry.end("t", producer, committed=True)
            assert node.offsets.of("g") == later

    async with running(tmp_path, clock) as node:
        node.markers.may_write.set()
        await node.registry.end("t", producer, committed=True)
        assert node.offsets.of("g") == later


async def test_markers_are_tried_until_they_are_written(node: Node) -> None:
    producer = await node.registry.init_producer("t", None, 1000)
    await node.begin(producer)
    node.markers.failures = [StorageError("full"), StorageError("full")]

    await node.registry.end("t", producer, committed=True)

    assert node.markers.failures == []
    assert node.seen() == [[b"x"], [b"x"]]


async def test_a_coordinator_that_is_out_of_touch_ends_what_it_decided_later(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else was elected meanwhile, so nobody takes over and reads what was decided."""
    node.markers.may_write.clear()
    producer = await node.registry.init_producer("t", None, 60_000)
    await node.begin(producer)
    ending = asyncio.create_task(node.registry.end("t", producer, committed=True))
    await node.until(TransactionState.PREPARE_COMMIT)
    is_refused = asyncio.Event()

    def refuse(shard: int) -> Replica:
        is_refused.set()
        raise NotCoordinator(f"another node leads __transaction_state-{shard}")

    with monkeypatch.context() as patched:
        patched.setattr(node.shards, "replica", refuse)
        node.markers.may_write.set()
        async with asyncio.timeout(SECONDS):
            await is_refused.wait()

    await node.until(TransactionState.COMPLETE_COMMIT)
    await ending
    assert await node.registry.init_producer("t", None, 60_000)


async def test_a_topic_that_was_deleted_keeps_nobody_waiting(node: Node) -> None:
    producer = await node.registry.init_producer("t", None, 1000)
    await node.begin(producer)
    await asyncio.to_thread(node.logs.delete_topic, "events")

    await node.registry.end("t", producer, committed=True)

    assert node.state() is TransactionState.COMPLETE_COMMIT


async def test_a_failed_disk_decides_nothing(node: Node) -> None:
    producer = await node.registry.init_producer("t", None, 1000)
    await node.begin(producer)
    node.logs.fault.set("a sync failed")

    with pytest.raises(CoordinatorNotAvailable):
        await node.registry.end("t", producer, committed=True)

    assert node.state() is TransactionState.ONGOING


@pytest.mark.parametrize("timeout_ms", [0, -1, 900_001])
async def test_a_transaction_lasts_no_longer_than_allowed(node: Node, timeout_ms: int) -> None:
    with pytest.raises(InvalidTransactionTimeout):
        await node.registry.init_producer("t", None, timeout_ms)


@pytest.mark.parametrize("transactional_id", ["", "é" * MAX_ID_BYTES])
async def test_an_id_has_a_length(node: Node, transactional_id: str) -> None:
    with pytest.raises(InvalidRequest):
        await node.registry.init_producer(transactional_id, None, 1000)


async def test_there_are_only_so_many_ids(tmp_path: Path, clock: TurnedClock) -> None:
    async with running(tmp_path, clock, max_transactional_ids=1) as node:
        await node.registry.init_producer("t", None, 1000)
        await node.registry.init_producer("t", None, 1000)

        with pytest.raises(PolicyViolation):
            await node.registry.init_producer("other", None, 1000)


async def test_after_closing_everybody_is_sent_away(node: Node) -> None:
    producer = await node.registry.init_producer("t", None, 1000)

    await node.registry.close()

    with pytest.raises(CoordinatorNotAvailable):
        await node.registry.add_partitions("t", producer, PLACES)
