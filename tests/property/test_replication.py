"""Leader, followers and controller of one partition against one rule: what is committed stays.

The decisions are the product's (ReplicaSet, LeaderEpochs); logs are lists, messages are values that
arrive late, in any order or never, disks forget what was not synced, and leaders that were deposed
do not know it yet.
"""

from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from broker_core.replication.cluster_state import Partition
from broker_core.replication.leader_epoch import LeaderEpochs
from broker_core.replication.replica_set import ReplicaSet

NODES = (0, 1, 2)
LAG_MS = 100
START = Partition(
    topic="events",
    topic_id=UUID(int=1),
    index=0,
    replicas=NODES,
    isr=NODES,
    leader=0,
    leader_epoch=0,
    partition_epoch=0,
)


@dataclass
class Fetched:
    """A leader's answer on its way to a follower."""

    epoch: int
    start: int
    records: list[tuple[int, int]]
    high_watermark: int
    cut: int | None


@dataclass
class Node:
    """One copy: records are (leader epoch, number)."""

    id: int
    known: Partition = START
    log: list[tuple[int, int]] = field(default_factory=list)
    durable: int = 0
    high_watermark: int = 0
    epochs: LeaderEpochs = field(default_factory=LeaderEpochs)
    set: ReplicaSet | None = None
    answer: Fetched | None = None
    question: tuple[Partition, tuple[int, ...]] | None = None

    def learn(self, partition: Partition, now_ms: int) -> None:
        if partition.partition_epoch <= self.known.partition_epoch and self.set is not None:
            return
        is_new = partition.leader_epoch > self.known.leader_epoch or self.set is None
        self.known = partition
        if partition.leader != self.id:
            self.set = None
            return
        if is_new and self.epochs.latest < partition.leader_epoch:
            self.epochs.assign(partition.leader_epoch, len(self.log))
            self.set = ReplicaSet(
                partition, epoch_start=len(self.log), now_ms=now_ms, lag_ms=LAG_MS
            )
        elif self.set is not None:
            self.set.adopt(partition, now_ms=now_ms)

    def lose_what_is_not_synced(self) -> None:
        del self.log[self.durable :]
        self.epochs.truncate_to(self.durable)


class Replication(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 0
        self.number = 0
        self.truth = START
        self.fenced: set[int] = set()
        self.nodes = [Node(node_id) for node_id in NODES]
        self.committed: list[tuple[int, int]] = []
        for node in self.nodes:
            node.learn(START, 0)

    # -- the controller

    def change(self, **fields: object) -> None:
        epoch = self.truth.partition_epoch + 1
        self.truth = replace(self.truth, partition_epoch=epoch, **fields)  # type: ignore[arg-type]

    def elect(self) -> None:
        """The leader stays if it is alive, else an in-sync replica follows it, else nobody."""
        alive = [node_id for node_id in self.truth.isr if node_id not in self.fenced]
        if self.truth.leader in alive:
            return
        leader = alive[0] if alive else -1
        if leader != self.truth.leader:
            self.change(leader=leader, leader_epoch=self.truth.leader_epoch + 1)

    def fence(self, node_id: int) -> None:
        self.fenced.add(node_id)
        remaining = tuple(each for each in self.truth.isr if each != node_id)
        if remaining and node_id in self.truth.isr:
            self.change(isr=remaining)
        self.elect()

    @rule(node=st.sampled_from(NODES))
    def a_session_expires(self, node: int) -> None:
        """The node itself is well, and knows nothing of it."""
        self.fence(node)

    @rule(node=st.sampled_from(NODES))
    def a_node_is_heard_of_again(self, node: int) -> None:
        self.fenced.discard(node)
        self.elect()

    @rule(node=st.sampled_from(NODES))
    def a_node_learns(self, node: int) -> None:
        self.nodes[node].learn(self.truth, self.now_ms)

    @rule(node=st.sampled_from(NODES))
    def a_node_restarts_after_kill_9(self, node: int) -> None:
        """What the system's cache holds is there still."""
        self.restart(node)

    @rule(node=st.sampled_from(NODES))
    def a_node_loses_power(self, node: int) -> None:
        self.nodes[node].lose_what_is_not_synced()
        self.restart(node)

    def restart(self, node_id: int) -> None:
        """It registers anew: fenced, then alive, in a new epoch where it leads alone."""
        if self.truth.leader == node_id:
            self.change(leader=-1, leader_epoch=self.truth.leader_epoch + 1)
        self.fence(node_id)
        self.fenced.discard(node_id)
        self.elect()
        old = self.nodes[node_id]
        node = self.nodes[node_id] = Node(
            node_id,
            known=replace(START, leader=-1, partition_epoch=-1, leader_epoch=-1),
            log=old.log,
            durable=old.durable,
            epochs=LeaderEpochs(old.epochs.starts),
        )
        for other in self.nodes:
            if other.set is not None:
                other.set.restarted(node_id)
        node.learn(self.truth, self.now_ms)

    # -- leader and followers

    @rule(milliseconds=st.sampled_from((1, LAG_MS // 2, LAG_MS + 1)))
    def time_passes(self, milliseconds: int) -> None:
        self.now_ms += milliseconds

    @rule(node=st.sampled_from(NODES), count=st.integers(1, 3))
    def records_are_produced(self, node: int, count: int) -> None:
        leader = self.nodes[node]
        if leader.set is not None:
            for _ in range(count):
                self.number += 1
                leader.log.append((leader.known.leader_epoch, self.number))

    @rule(node=st.sampled_from(NODES))
    def a_node_syncs(self, node: int) -> None:
        self.nodes[node].durable = len(self.nodes[node].log)
        self.commit(self.nodes[node])

    @rule(node=st.sampled_from(NODES), limit=st.integers(1, 4))
    def a_follower_asks(self, node: int, limit: int) -> None:
        """The leader takes note of how far it is, and answers; the answer is on its way."""
        follower = self.nodes[node]
        if follower.known.leader in (-1, node) or follower.durable < len(follower.log):
            return
        leader = self.nodes[follower.known.leader]
        if leader.set is None or leader.known.leader_epoch != follower.known.leader_epoch:
            return
        end = len(follower.log)
        word = leader.epochs.diverges(follower.epochs.latest, end, log_end=len(leader.log))
        if word is not None:
            cut = follower.epochs.cut(word, log_end=end)
            follower.answer = Fetched(leader.known.leader_epoch, end, [], 0, cut)
            return
        leader.set.fetched(node, end, leader_end=len(leader.log), now_ms=self.now_ms)
        self.commit(leader)
        follower.answer = Fetched(
            leader.known.leader_epoch,
            end,
            leader.log[end : end + limit],
            leader.high_watermark,
            None,
        )

    @rule(node=st.sampled_from(NODES))
    def an_answer_arrives(self, node: int) -> None:
        follower = self.nodes[node]
        answer, follower.answer = follower.answer, None
        if (
            answer is None
            or follower.set is not None
            or answer.epoch != follower.known.leader_epoch
            or answer.start != len(follower.log)
        ):
            return
        if answer.cut is not None:
            del follower.log[answer.cut :]
            follower.epochs.truncate_to(answer.cut)
            follower.durable = min(follower.durable, answer.cut)
            assert follower.high_watermark <= answer.cut, "what was committed here is cut"
            return
        for epoch, number in answer.records:
            follower.epochs.assign(epoch, len(follower.log))
            follower.log.append((epoch, number))
        follower.high_watermark = max(
            follower.high_watermark, min(answer.high_watermark, len(follower.log))
        )

    @rule(node=st.sampled_from(NODES))
    def a_leader_asks_for_another_in_sync_set(self, node: int) -> None:
        leader = self.nodes[node]
        if leader.set is None:
            return
        wanted = leader.set.wanted_isr(
            high_watermark=leader.high_watermark,
            leader_end=len(leader.log),
            now_ms=self.now_ms,
            is_alive=lambda node_id: node_id not in self.fenced,
        )
        if wanted is not None:
            leader.set.asked = wanted
            leader.question = leader.known, wanted

    @rule(node=st.sampled_from(NODES), answered=st.booleans())
    def the_controller_decides(self, node: int, answered: bool) -> None:
        """Compare and swap; the answer may be lost."""
        leader = self.nodes[node]
        question, leader.question = leader.question, None
        if question is None:
            return
        known, isr = question
        if known.partition_epoch == self.truth.partition_epoch and not self.fenced & set(isr):
            self.change(isr=isr)
            if answered:
                leader.learn(self.truth, self.now_ms)
        elif answered and leader.set is not None:
            leader.set.refused()

    # -- what happens most of the time: several of the above in their usual order

    @rule(count=st.integers(1, 3), syncs=st.booleans())
    def the_leader_writes(self, count: int, syncs: bool) -> None:
        if self.truth.leader >= 0:
            self.records_are_produced(node=self.truth.leader, count=count)
            if syncs:
                self.a_node_syncs(node=self.truth.leader)

    @rule(node=st.sampled_from(NODES), rounds=st.integers(1, 3))
    def a_follower_follows(self, node: int, rounds: int) -> None:
        for _ in range(rounds):
            self.a_follower_asks(node=node, limit=4)
            self.an_answer_arrives(node=node)
            self.a_node_syncs(node=node)

    @rule(answered=st.booleans())
    def the_in_sync_set_changes(self, answered: bool) -> None:
        for node in NODES:
            self.a_leader_asks_for_another_in_sync_set(node=node)
            self.the_controller_decides(node=node, answered=answered)

    @rule(unaware=st.sampled_from((*NODES, -1)))
    def another_leads(self, unaware: int) -> None:
        if self.truth.leader >= 0:
            self.fence(self.truth.leader)
        self.most_learn(unaware)

    @rule(unaware=st.sampled_from((*NODES, -1)))
    def all_are_well_again(self, unaware: int) -> None:
        self.fenced.clear()
        self.elect()
        self.most_learn(unaware)

    def most_learn(self, unaware: int) -> None:
        for node in self.nodes:
            if node.id != unaware:
                node.learn(self.truth, self.now_ms)

    def commit(self, node: Node) -> None:
        """Move a leader's high watermark; consumers and acks=all producers now rely on it."""
        if node.set is None:
            return
        node.high_watermark = max(
            node.high_watermark,
            node.set.high_watermark(
                durable_end=node.durable,
                leader_end=len(node.log),
                now_ms=self.now_ms,
                is_alive=lambda node_id: node_id not in self.fenced,
            ),
        )
        self.committed += node.log[len(self.committed) : node.high_watermark]

    # -- the rule

    @invariant()
    def what_is_committed_stays(self) -> None:
        for node in self.nodes:
            assert node.log[: node.high_watermark] == self.committed[: node.high_watermark]

    @invariant()
    def every_in_sync_replica_has_what_is_committed(self) -> None:
        for node_id in self.truth.isr:
            node = self.nodes[node_id]
            assert node.log[: len(self.committed)] == self.committed
            assert node.durable >= len(self.committed)


TestReplication = pytest.mark.timeout(240)(Replication.TestCase)
TestReplication.settings = settings(max_examples=150, stateful_step_count=60)
