"""High watermarks of partitions that other nodes lead, and lags that are shown or not."""

from collections.abc import Collection, Mapping
from pathlib import Path

from prometheus_client import REGISTRY

from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.high_watermarks import ClusterHighWatermarks, OwnHighWatermarks
from broker_core.coordinator.measuring import Measuring
from broker_core.coordinator.offset_records import CommittedOffset
from broker_core.coordinator.offsets import OffsetStore
from broker_core.log.group_commit import GroupCommit
from broker_core.replication.cluster_replica import ClusterReplica
from broker_core.settings import GroupSettings
from tests.support.cluster_in_process import InProcessCluster, three_nodes
from tests.support.controller import create_topic
from tests.support.partition import TurnedClock, open_directory

Where = tuple[str, int]
TOPICS = ("first", "second", "third")


def of_node(cluster: InProcessCluster, node_id: int) -> ClusterHighWatermarks:
    node = cluster.node(node_id)
    return ClusterHighWatermarks(node, node.siblings, lambda: node.link.state, node_id=node_id)


async def led(cluster: InProcessCluster, topic: str) -> int:
    """Return who leads a topic that has one copy, once it does and all nodes know of it."""
    links = [cluster.node(node_id).link for node_id in cluster.brokers]
    await cluster.until(lambda: all(topic in link.state.topics for link in links))
    leader = links[0].state.topics[topic].partitions[0].leader

    def leads() -> bool:
        replica = cluster.node(leader).get(topic, 0)
        return isinstance(replica, ClusterReplica) and replica.is_leader

    await cluster.until(leads)
    return leader


async def test_every_node_learns_those_of_all_partitions_from_who_leads(tmp_path: Path) -> None:
    async with three_nodes(tmp_path) as cluster:
        wanted: dict[Where, int | None] = {}
        leaders = {}
        for count, name in enumerate(TOPICS, start=1):
            await create_topic(cluster.node(0).link, name, copies=1)
            leaders[name] = await led(cluster, name)
            await cluster.send(leaders[name], name, *(b"x" for _ in range(count)))
            wanted[name, 0] = count
        assert set(leaders.values()) == {0, 1, 2}

        for node_id in cluster.brokers:
            asked = [*wanted, ("nowhere", 0), ("first", 7)]
            assert await of_node(cluster, node_id).of(asked) == wanted

        gone = leaders["third"]
        await cluster.stop(gone)
        other = leaders["first"]
        await cluster.until(lambda: not cluster.node(other).link.state.is_alive(gone))
        assert await of_node(cluster, other).of(wanted) == {**wanted, ("third", 0): None}


class Unknown(OwnHighWatermarks):
    """Those of this node, but for one partition, whose leader does not answer."""

    async def of(self, partitions: Collection[Where]) -> Mapping[Where, int | None]:
        known = await super().of(partitions)
        return {**known, ("half.known", 1): None}


async def test_a_lag_that_is_known_in_part_is_not_shown(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    commit = GroupCommit(logs.fault)
    offsets = OffsetStore.open(logs, commit, TurnedClock(), partitions=1)
    groups = GroupRegistry(offsets, logs, GroupSettings(), TurnedClock())
    logs.create_topic("half.known", 2, {})
    logs.create_topic("known", 1, {})
    done = CommittedOffset(offset=0, leader_epoch=0, metadata="", committed_ms=0)
    places = [("half.known", 0), ("half.known", 1), ("known", 0)]
    await offsets.commit("lagging", dict.fromkeys(places, done))

    await Measuring(logs, groups, Unknown(logs)).look()

    def lag(topic: str) -> float | None:
        labels = {"group": "lagging", "topic": topic}
        return REGISTRY.get_sample_value("kafka_consumergroup_lag_records", labels)

    assert (lag("half.known"), lag("known")) == (None, 0)
    groups.close()
    await commit.close()
    logs.let_go()
