"""Transactions of a cluster: coordinator, leaders and group coordinator are different nodes."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path

import pytest

from broker_core.coordinator.cluster_markers import ClusterMarkers, Failures, marker_request
from broker_core.coordinator.transaction import TopicPartition
from broker_core.errors import ErrorCode, NetworkException
from broker_core.log.replicated_log import ReplicatedLog
from broker_core.protocol.control_record import Marker
from broker_core.protocol.messages.describe_transactions import DescribeTransactionsRequest
from broker_core.protocol.messages.write_txn_markers import MarkerSender
from broker_core.replication.peer import Credentials, Peer
from broker_core.replication.replica import NOT_TOLD
from tests.support.cluster_in_process import SECONDS, InProcessCluster, three_nodes
from tests.support.controller import CREDENTIALS, create_topic
from tests.support.partition import read_committed
from tests.support.transactional_client import GROUP, TransactionalClient

Places = Iterable[TopicPartition]

TOPIC = "events"
PARTITIONS = (0, 1, 2)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[InProcessCluster]:
    async with three_nodes(tmp_path) as nodes:
        await create_topic(nodes.node(0).link, TOPIC, partitions=len(PARTITIONS))
        leaders = {await nodes.in_sync(TOPIC, number) for number in PARTITIONS}
        assert len(leaders) == 3, "every node leads one"
        yield nodes


@pytest.fixture
async def client(cluster: InProcessCluster) -> TransactionalClient:
    client = TransactionalClient(cluster, "t")
    await client.begin()
    return client


def is_decided(log: ReplicatedLog) -> bool:
    return not log.open_transactions


def seen(log: ReplicatedLog) -> list[bytes | None]:
    return [record.value for record in read_committed(log)]


async def is_seen(cluster: InProcessCluster, number: int, values: list[bytes]) -> None:
    """Return once a reader of the partition's leader sees exactly these."""

    def is_so() -> bool:
        state = cluster.node(next(iter(cluster.brokers))).link.state
        known = state.partition(TOPIC, number)
        leader = -1 if known is None else known.leader
        return leader in cluster.brokers and seen(cluster.log(leader, TOPIC, number)) == values

    await cluster.until(is_so)


async def test_every_node_gets_its_markers(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    for committed in (True, False, True):
        value = b"kept" if committed else b"dropped"
        await client.write(TOPIC, dict.fromkeys(PARTITIONS, value))
        assert await client.end(committed=committed) == ErrorCode.NONE

    for number in PARTITIONS:
        await is_seen(cluster, number, [b"kept", b"kept"])


async def test_followers_know_what_was_aborted_when_they_lead(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    for number, committed in enumerate((True, False, True)):
        await client.write(TOPIC, {0: b"%d" % number})
        assert await client.end(committed=committed) == ErrorCode.NONE
    await client.write(TOPIC, {0: b"open"})
    first = await cluster.in_sync(TOPIC)

    await cluster.stop(first)
    second = await cluster.in_sync(TOPIC, count=2)

    log = cluster.log(second, TOPIC)
    await cluster.until(lambda: log.high_watermark == log.end_offset)
    assert seen(log) == [b"0", b"2"]
    assert list(log.open_transactions) == [client.producer_id]
    assert log.last_stable_offset == log.end_offset - 1
    await client.write(TOPIC, {0: b"more"})
    assert await client.end(committed=True) == ErrorCode.NONE
    assert seen(log) == [b"0", b"2", b"open", b"more"]


async def test_nobody_begins_what_the_coordinator_does_not_know_of(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    assert await client.add(TOPIC, 0) == ErrorCode.NONE

    answers = [await client.send(TOPIC, number, b"x") for number in PARTITIONS]

    assert answers == [ErrorCode.NONE, ErrorCode.INVALID_TXN_STATE, ErrorCode.INVALID_TXN_STATE]
    assert await client.end(committed=True) == ErrorCode.NONE
    late = [await client.send(TOPIC, number, b"late") for number in PARTITIONS]
    assert late == [ErrorCode.INVALID_TXN_STATE] * 3
    for number in PARTITIONS:
        await is_seen(cluster, number, [b"x"] if number == 0 else [])


async def test_who_begins_anew_fences_its_predecessor_everywhere(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    await client.write(TOPIC, dict.fromkeys(PARTITIONS, b"zombie's"))
    successor = TransactionalClient(cluster, "t")
    await successor.begin()

    await successor.write(TOPIC, dict.fromkeys(PARTITIONS, b"successor's"))
    answers = [await client.send(TOPIC, number, b"late") for number in PARTITIONS]

    assert (successor.producer_id, successor.epoch) == (client.producer_id, client.epoch + 2)
    assert answers == [ErrorCode.INVALID_PRODUCER_EPOCH] * 3
    assert await client.end(committed=True) == ErrorCode.PRODUCER_FENCED
    assert await successor.end(committed=True) == ErrorCode.NONE
    for number in PARTITIONS:
        await is_seen(cluster, number, [b"successor's"])


async def test_another_coordinator_goes_on_with_what_is_under_way(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    await client.write(TOPIC, dict.fromkeys(PARTITIONS, b"before"))
    first = await client.coordinator()

    await cluster.stop(first)

    await client.write(TOPIC, dict.fromkeys(PARTITIONS, b"after"))
    assert await client.end(committed=True) == ErrorCode.NONE
    assert await client.coordinator() != first
    assert await client.end(committed=True) == ErrorCode.NONE, "it may be asked again"
    for number in PARTITIONS:
        await is_seen(cluster, number, [b"before", b"after"])


async def test_another_coordinator_ends_what_was_decided(
    cluster: InProcessCluster, client: TransactionalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.write(TOPIC, dict.fromkeys(PARTITIONS, b"kept"))
    first = await client.coordinator()
    writes = ClusterMarkers.write

    async def write(markers: ClusterMarkers, marker: Marker, partitions: Places) -> Failures:
        if marker.coordinator_epoch == 0:
            partitions = list(partitions)
            some = [each for each in partitions if each[1] == 0]
            await writes(markers, marker, some)
            return dict.fromkeys(partitions, NetworkException("cut off"))
        return await writes(markers, marker, partitions)

    monkeypatch.setattr(ClusterMarkers, "write", write)
    ending = asyncio.create_task(client.end(committed=True))
    await is_seen(cluster, 0, [b"kept"])

    await cluster.stop(first)

    assert await ending == ErrorCode.NONE
    for number in PARTITIONS:
        await is_seen(cluster, number, [b"kept"])


async def test_what_takes_too_long_is_aborted_by_whoever_coordinates(
    cluster: InProcessCluster,
) -> None:
    client = TransactionalClient(cluster, "slow")
    await client.begin(timeout_ms=1500)
    await client.write(TOPIC, dict.fromkeys(PARTITIONS, b"slow"))
    await cluster.stop(await client.coordinator())

    async with asyncio.timeout(SECONDS):
        for number in PARTITIONS:
            await is_seen(cluster, number, [])
            log = cluster.log(await cluster.in_sync(TOPIC, number, count=2), TOPIC, number)
            await cluster.until(partial(is_decided, log))
    assert await client.end(committed=True) == ErrorCode.PRODUCER_FENCED


async def test_the_marker_of_a_coordinator_that_was_replaced_is_refused(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    """By the leader that saw a newer one, and by whoever leads after it."""
    await client.write(TOPIC, {0: b"one"})
    await cluster.stop(await client.coordinator())
    assert await client.end(committed=True) == ErrorCode.NONE
    await client.write(TOPIC, {0: b"two"})
    zombies = Marker(
        producer_id=client.producer_id,
        producer_epoch=client.epoch,
        committed=False,
        coordinator_epoch=0,
    )
    leader = await cluster.in_sync(TOPIC, count=2)
    fenced = ErrorCode.TRANSACTION_COORDINATOR_FENCED
    assert await marked(cluster, leader, zombies) == fenced

    for number in set(range(3)) - set(cluster.brokers):
        await cluster.start(number)
    await cluster.in_sync(TOPIC)
    await cluster.stop(leader)
    leader = await cluster.in_sync(TOPIC, count=2)

    assert await marked(cluster, leader, zombies) == fenced
    assert await client.end(committed=True) == ErrorCode.NONE
    await is_seen(cluster, 0, [b"one", b"two"])


async def test_a_marker_that_was_given_up_is_refused(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    """It was for a leader that has been replaced, or on a connection that has been, too."""
    await cluster.stop(await cluster.in_sync(TOPIC))
    await client.write(TOPIC, {0: b"next"})
    late = Marker(
        producer_id=client.producer_id,
        producer_epoch=client.epoch,
        committed=False,
        coordinator_epoch=9,
    )
    leader = await cluster.in_sync(TOPIC, count=2)
    epoch = cluster.node(leader).leading(TOPIC, 0).leader_epoch
    services = cluster.brokers[leader]._services
    assert not services.marker_lines.is_cut(MarkerSender(node_id=7, node_epoch=1, line=2))

    answers = [
        await marked(cluster, leader, late, leader_epoch=epoch - 1),
        await marked(cluster, leader, late, line=1),
    ]

    assert answers == [ErrorCode.FENCED_LEADER_EPOCH, ErrorCode.NETWORK_EXCEPTION]
    assert await client.end(committed=True) == ErrorCode.NONE
    await is_seen(cluster, 0, [b"next"])


async def test_only_nodes_end_transactions(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    await client.write(TOPIC, {0: b"x"})
    marker = Marker(
        producer_id=client.producer_id,
        producer_epoch=client.epoch,
        committed=True,
        coordinator_epoch=0,
    )
    leader = await cluster.in_sync(TOPIC)

    with pytest.raises(NetworkException):
        await marked(cluster, leader, marker, credentials=None)

    assert seen(cluster.log(leader, TOPIC)) == []


@pytest.mark.parametrize("committed", [True, False])
async def test_offsets_wait_for_their_transaction_wherever_their_group_goes(
    cluster: InProcessCluster, client: TransactionalClient, committed: bool
) -> None:
    assert await client.add_group("g") == ErrorCode.NONE
    assert await client.commit_offset("g", TOPIC, 42) == ErrorCode.NONE
    group_at, coordinator = await client.coordinator("g", GROUP), await client.coordinator()
    assert group_at != coordinator, "this test is about several nodes"

    await cluster.stop(group_at)
    assert await client.commit_offset("other", TOPIC, 1) == ErrorCode.NONE, "the same partition"
    assert await client.end(committed=committed) == ErrorCode.NONE

    assert await client.committed_offset("g", TOPIC) == (42 if committed else -1)


async def marked(
    cluster: InProcessCluster,
    node_id: int,
    marker: Marker,
    *,
    credentials: Credentials | None = CREDENTIALS,
    leader_epoch: int = NOT_TOLD,
    line: int = 2,
) -> int:
    """What a node answers to a marker for partition 0."""
    sender = MarkerSender(node_id=7, node_epoch=1, line=line)
    port = cluster.brokers[node_id].port
    peer = await Peer.connect("127.0.0.1", port, credentials=credentials, client_id="test")
    try:
        request = marker_request(marker, {(TOPIC, 0): leader_epoch}, sender)
        answer = await peer.send(request, 1, timeout_seconds=SECONDS)
    finally:
        await peer.close()
    return int(answer.markers[0].topics[0].partitions[0].error_code)


async def test_a_transaction_is_described_by_its_coordinator_alone(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    request = DescribeTransactionsRequest(transactional_ids=(client.transactional_id,))
    codes = []
    for broker in cluster.brokers.values():
        peer = await Peer.connect(
            "127.0.0.1", broker.port, credentials=CREDENTIALS, client_id="test"
        )
        try:
            answer = await peer.send(request, 0, timeout_seconds=SECONDS)
        finally:
            await peer.close()
        codes.append(answer.transaction_states[0].error_code)

    assert sorted(codes) == [
        ErrorCode.NONE,
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.NOT_COORDINATOR,
    ]
