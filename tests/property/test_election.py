"""The controller's decisions against a model of logs: what was acknowledged is never lost."""

from dataclasses import replace
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from broker_core.errors import BrokerError
from broker_core.replication import election, membership
from broker_core.replication.cluster_state import ClusterState, Partition, Topic
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.membership import Newcomer

NODES = (1, 2, 3, 4)
node_ids = st.sampled_from(NODES)
Record = tuple[int, int]  # the leader epoch it was written in, and a number of its own


class Cluster(RuleBasedStateMachine):
    """Four nodes and one partition of three replicas; every node has a log as Kafka's would be.

    A leader appends; members of the in-sync set copy its log; a record is acknowledged once all of
    them have it. Who comes back takes over the leader's log before it is let into the set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.state = ControllerState(
            cluster=ClusterState(version=1, cluster_id="c"), boot_id="boot 0"
        )
        self.logs: dict[int, list[Record]] = {node: [] for node in NODES}
        self.acknowledged: list[Record] = []
        self.disks = dict.fromkeys(NODES, 0)
        self.boots = 0
        self.records = 0

    def commit(self, decided: ControllerState) -> None:
        if decided is self.state:
            return
        before = self.partition if self.state.cluster.topics else None
        version = self.state.cluster.version + 1
        decided = replace(decided, cluster=replace(decided.cluster, version=version))
        self.state = decided
        if before is not None:
            after = self.partition
            assert after.leader_epoch >= before.leader_epoch
            assert (after == before) == (after.partition_epoch == before.partition_epoch)
            assert after.partition_epoch >= before.partition_epoch
            assert after.leader == before.leader or after.leader_epoch > before.leader_epoch
            self.a_leader_has_all_that_was_acknowledged()

    @property
    def partition(self) -> Partition:
        return self.state.partition("logs", 0)

    @property
    def alive(self) -> frozenset[int]:
        return self.state.alive

    def newcomer(self, node: int, *, is_doubted: bool = False) -> Newcomer:
        return Newcomer(
            node_id=node,
            cluster_id="c",
            host="h",
            port=node,
            incarnation=UUID(int=self.state.cluster.version),
            directory_id=UUID(int=100 * node + self.disks[node]),
            is_doubted=is_doubted,
        )

    @initialize()
    def begin(self) -> None:
        for node in NODES:
            self.commit(membership.registered(self.state, self.newcomer(node)))
            self.commit(membership.unfenced(self.state, node))
        topic_id = UUID(int=7)
        partition = Partition(
            topic="logs",
            topic_id=topic_id,
            index=0,
            replicas=(1, 2, 3),
            isr=(1, 2, 3),
            leader=1,
            leader_epoch=0,
            partition_epoch=0,
        )
        topic = Topic(name="logs", topic_id=topic_id, configs={}, partitions=(partition,))
        self.commit(self.state.with_topics({"logs": topic}))

    # -- nodes

    @rule(node=node_ids)
    def silence(self, node: int) -> None:
        if node in self.alive:
            self.commit(membership.fenced(self.state, node))

    @rule(node=node_ids)
    def return_of_the_same(self, node: int) -> None:
        self.commit(membership.registered(self.state, self.newcomer(node)))

    @rule(node=node_ids, lost=st.integers(0, 3))
    def return_with_doubts(self, node: int, lost: int) -> None:
        if self.partition.isr != (node,):  # of the last one, one can but believe what it has
            self.cut(node, lost)
        self.commit(membership.fenced(self.state, *self.alive & {node}))
        self.commit(membership.registered(self.state, self.newcomer(node, is_doubted=True)))

    @rule(node=node_ids)
    def return_with_an_empty_disk(self, node: int) -> None:
        if self.partition.isr == (node,):
            return  # offline for good, and nothing left to see
        self.disks[node] += 1
        if node in self.alive:
            self.commit(membership.fenced(self.state, node))
        self.logs[node] = []
        self.commit(membership.registered(self.state, self.newcomer(node)))

    @rule(node=node_ids)
    def heartbeat(self, node: int) -> None:
        if node not in self.alive:
            self.commit(membership.unfenced(self.state, node))

    @rule(lost=st.lists(st.integers(0, 3), min_size=len(NODES), max_size=len(NODES)))
    def power_cut(self, lost: list[int]) -> None:
        """All go down; only a leader is sure to have written what it acknowledged."""
        leader = self.partition.leader
        if leader == -1:
            return
        self.boots += 1
        for node, count in zip(NODES, lost, strict=True):
            if node != leader:
                self.cut(node, count)
        self.commit(membership.after_start(self.state, f"boot {self.boots}"))
        assert not self.alive

    def cut(self, node: int, count: int) -> None:
        self.logs[node] = self.logs[node][: max(0, len(self.logs[node]) - count)]

    # -- the partition

    @precondition(lambda self: self.partition.leader != -1)
    @rule(acknowledged=st.booleans())
    def produce(self, acknowledged: bool) -> None:
        leader = self.partition.leader
        self.records += 1
        self.logs[leader].append((self.partition.leader_epoch, self.records))
        if acknowledged:
            for node in self.partition.isr:
                self.logs[node] = list(self.logs[leader])
            self.acknowledged = list(self.logs[leader])

    @precondition(lambda self: self.partition.leader != -1)
    @rule(wanted=st.sets(node_ids))
    def change_the_in_sync_set(self, wanted: set[int]) -> None:
        partition = self.partition
        members = [
            node
            for node in partition.replicas
            if node == partition.leader or (node in wanted and node in self.alive)
        ]
        for node in members:
            if node not in partition.isr:
                self.logs[node] = list(self.logs[partition.leader])
        self.ask(partition, members)

    def ask(self, partition: Partition, members: list[int]) -> None:
        changed = election.altered(
            partition,
            sender=partition.leader,
            leader_epoch=partition.leader_epoch,
            partition_epoch=partition.partition_epoch,
            isr=[(node, self.state.cluster.nodes[node].epoch) for node in members],
            nodes=self.state.cluster.nodes,
        )
        # Whoever joins has the high watermark of then, so it has all that is acknowledged by now.
        self.commit(self.state.with_partitions([changed]))

    @rule(replicas=st.lists(node_ids, unique=True, max_size=4))
    def reassign(self, replicas: list[int]) -> None:
        try:
            moved = election.reassigned(self.partition, tuple(replicas))
        except BrokerError:
            return
        self.commit(self.state.with_partitions([moved]))

    @rule()
    def cancel(self) -> None:
        try:
            stayed = election.cancelled(self.partition)
        except BrokerError:
            return
        self.commit(self.state.with_partitions([stayed]))
        assert not self.partition.is_reassigning

    @rule()
    def prefer(self) -> None:
        self.commit(membership.with_preferred_leaders(self.state))

    @rule(nodes=st.permutations(NODES))
    def all_is_well_again(self, nodes: list[int]) -> None:
        """Rare by chance: everybody is back and in sync, and something is acknowledged."""
        for node in nodes:
            self.heartbeat(node)
        if self.partition.leader != -1:
            self.change_the_in_sync_set(set(nodes))
            self.produce(acknowledged=True)
            self.produce(acknowledged=True)

    # -- what always holds

    @invariant()
    def only_a_living_member_of_the_in_sync_set_leads(self) -> None:
        if not self.state.cluster.topics:
            return
        partition = self.partition
        assert set(partition.isr) <= set(partition.replicas)
        assert len(set(partition.replicas)) == len(partition.replicas)
        assert set(partition.adding) | set(partition.removing) <= set(partition.replicas)
        if partition.leader != -1:
            assert partition.leader in partition.isr
            assert set(partition.isr) <= self.alive
        else:
            assert not set(partition.isr) & self.alive

    def a_leader_has_all_that_was_acknowledged(self) -> None:
        if self.partition.leader != -1:
            log = self.logs[self.partition.leader]
            assert log[: len(self.acknowledged)] == self.acknowledged


Cluster.TestCase.settings = settings(max_examples=250, stateful_step_count=40)
TestElection = Cluster.TestCase
