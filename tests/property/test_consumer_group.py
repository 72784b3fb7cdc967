"""A consumer group (KIP-848) against its invariants: whatever members say, lose, or never say.

Clients are modelled by what they believe and what they read right now; answers get lost, members
fall silent, topics come and go, and the coordinator is started anew from what it has written.
"""

from dataclasses import dataclass, field
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from broker_core.coordinator import consumer_group
from broker_core.coordinator.consumer_group import ConsumerGroup, ConsumerGroupState
from broker_core.coordinator.consumer_group_journal import ConsumerGroupJournal
from broker_core.coordinator.consumer_group_records import restored
from broker_core.coordinator.consumer_member import STATIC_LEAVE_EPOCH, Beat
from broker_core.coordinator.topic_partitions import KnownTopic, TopicPartition, Topics
from broker_core.errors import BrokerError

SESSION_MS = 100
REBALANCE_MS = 60
MAX_MEMBERS = 4
NAMES = st.sampled_from("abcde")
TOPICS = ("logs", "audit", "lots")
SUBSCRIPTIONS = st.sampled_from(
    [
        ({"logs"}, ""),
        ({"logs", "audit"}, ""),
        ({"lots"}, "lo.*"),
        (set(), "lo.*"),
        (set(), ".*"),
    ]
)


@dataclass(slots=True)
class Client:
    """One consumer: what it believes about its group, and what it reads."""

    member_id: str
    instance_id: str | None
    names: frozenset[str]
    regex: str
    assignor: str
    epoch: int = 0
    told: frozenset[TopicPartition] = frozenset()
    owned: frozenset[TopicPartition] = frozenset()
    said: frozenset[TopicPartition] | None = None

    def fall_out(self) -> None:
        """It is no member any more, and has heard of it."""
        self.epoch, self.told, self.owned, self.said = 0, frozenset(), frozenset(), None


@dataclass(slots=True)
class World:
    """The topics there are."""

    topics: Topics = field(default_factory=dict)
    made: int = 0

    def resize(self, name: str, partitions: int) -> None:
        """Let a topic have that many partitions; 0: it is deleted. Topics never shrink."""
        topics = dict(self.topics)
        known = topics.pop(name, None)
        if partitions:
            if known is None:
                self.made += 1
            topic_id = known.topic_id if known else self.made.to_bytes(16, "big")
            topics[name] = KnownTopic(topic_id, max(partitions, known.partitions if known else 0))
        self.topics = topics


class ConsumerGroupMachine(RuleBasedStateMachine):
    """Clients that join, beat, revoke, leave and die in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.journal = ConsumerGroupJournal()
        self.group = self.fresh()
        self.world = World()
        self.clients: dict[str, Client] = {}
        self.now_ms = 0
        self.epochs = (0, 0)
        self.ids = 0

    @initialize(pairs_per_ms=st.sampled_from([consumer_group.PAIRS_PER_MS, 1]))
    def topics_exist(self, pairs_per_ms: int) -> None:
        """Making a target may take so long that it is not made for every change."""
        self.slowness = patch.object(consumer_group, "PAIRS_PER_MS", pairs_per_ms)
        self.slowness.start()
        self.world.resize("logs", 4)
        self.world.resize("audit", 3)

    def fresh(self) -> ConsumerGroup:
        return ConsumerGroup("g", session_ms=SESSION_MS, max_members=MAX_MEMBERS)

    def written(self, cut_off: int = 0) -> None:
        """Write what has changed; the last records may not reach the disk."""
        records = self.journal.changes(self.group, self.group.take_changes())
        self.journal.note(records[: max(0, len(records) - cut_off)])

    # -- what happens

    @rule(
        name=NAMES,
        is_static=st.booleans(),
        subscription=SUBSCRIPTIONS,
        assignor=st.sampled_from(["uniform", "range"]),
        lose=st.booleans(),
        cut_off=st.integers(-3, 6).map(lambda number: max(0, number)),
    )
    def join(
        self,
        name: str,
        is_static: bool,
        subscription: tuple[set[str], str],
        assignor: str,
        lose: bool,
        cut_off: int,
    ) -> None:
        if name in self.clients:
            return
        self.ids += 1
        names, regex = subscription
        self.clients[name] = Client(
            f"{name}-{self.ids}", f"i-{name}" if is_static else None, frozenset(names), regex,
            assignor,
        )  # fmt: skip
        self.beats(self.clients[name], lose=lose or cut_off > 0, cut_off=cut_off)
        if cut_off:
            self.starts_anew()

    @rule(name=NAMES, lose=st.booleans(), full=st.booleans())
    def beat(self, name: str, lose: bool, full: bool) -> None:
        if name in self.clients:
            self.beats(self.clients[name], lose=lose, full=full)

    @rule(name=NAMES)
    def settle(self, name: str) -> None:
        """It stops reading what it shall not read, and begins with what it may."""
        if name in self.clients:
            self.clients[name].owned = self.clients[name].told

    @rule(name=NAMES, subscription=SUBSCRIPTIONS)
    def subscribe(self, name: str, subscription: tuple[set[str], str]) -> None:
        if name in self.clients:
            names, regex = subscription
            client = self.clients[name]
            client.names, client.regex = frozenset(names), regex
            self.beats(client, full=True)

    @rule(name=NAMES, comes_back=st.booleans())
    def leave(self, name: str, comes_back: bool) -> None:
        client = self.clients.pop(name, None)
        if client is None:
            return
        epoch = STATIC_LEAVE_EPOCH if comes_back and client.instance_id is not None else -1
        try:
            self.group.leave(client.member_id, client.instance_id, epoch)
        except BrokerError:
            return
        self.written()
        assert (client.member_id in self.group.members) == (epoch == STATIC_LEAVE_EPOCH)

    @rule(name=NAMES)
    def die(self, name: str) -> None:
        self.clients.pop(name, None)

    @rule(milliseconds=st.integers(1, SESSION_MS))
    def time_passes(self, milliseconds: int) -> None:
        until = self.now_ms + milliseconds
        while (due := self.group.deadline_ms) is not None and due <= until:
            self.now_ms = max(self.now_ms, due)
            assert self.group.tick(self.now_ms), "a deadline that passes removes somebody"
            self.written()
        self.now_ms = until

    @rule(name=st.sampled_from(TOPICS), partitions=st.integers(0, 7))
    def topic_changes(self, name: str, partitions: int) -> None:
        self.world.resize(name, partitions)

    @rule(name=NAMES, full=st.booleans(), cut_off=st.integers(1, 6))
    def coordinator_dies_while_it_writes(self, name: str, full: bool, cut_off: int) -> None:
        if name not in self.clients:
            return
        self.beats(self.clients[name], lose=True, full=full, cut_off=cut_off)
        self.starts_anew()

    @rule()
    def coordinator_starts_anew(self) -> None:
        before = self.group
        self.starts_anew()
        assert self.group.members == before.members
        assert self.group.targets == before.targets
        assert (self.group.epoch, self.group.assignment_epoch) == (
            before.epoch,
            before.assignment_epoch,
        )
        assert self.group.state is before.state
        assert self.group.topic_names == before.topic_names

    def starts_anew(self) -> None:
        self.group = restored(self.fresh(), self.journal.of("g"))
        self.group.begin(self.now_ms)

    # -- how clients do it

    def beats(
        self, client: Client, *, lose: bool = False, full: bool = False, cut_off: int = 0
    ) -> None:
        full = full or client.epoch == 0
        says_owned = full or client.owned != client.said
        beat = Beat(
            member_id=client.member_id,
            epoch=client.epoch,
            instance_id=client.instance_id,
            rebalance_ms=REBALANCE_MS if full else None,
            topic_names=client.names if full else None,
            topic_regex=client.regex if full else None,
            assignor=client.assignor,
            owned=client.owned if says_owned else None,
        )
        try:
            beaten = self.group.heartbeat(beat, self.world.topics, lambda _: True, self.now_ms)
        except BrokerError:
            client.fall_out()
            return
        self.written(cut_off)
        if lose:
            client.said = None
            return
        client.said = client.owned if says_owned else client.said
        client.epoch = beaten.epoch
        if beaten.assigned is not None:
            client.told = frozenset(beaten.assigned)

    # -- what always holds

    @invariant()
    def nobody_holds_what_another_holds(self) -> None:
        held = [each for member in self.group.members.values() for each in member.holds()]
        assert len(held) == len(set(held))

    @invariant()
    def what_a_member_reads_and_may_commit_is_held_for_it(self) -> None:
        for client in self.clients.values():
            try:
                self.group.check_commit(client.member_id, client.epoch)
            except BrokerError:
                continue
            if client.member_id in self.group.members:
                assert client.owned <= self.group.members[client.member_id].holds()

    @invariant()
    def epochs_never_go_back(self) -> None:
        epochs = self.group.epoch, self.group.assignment_epoch
        assert epochs[0] >= self.epochs[0]
        assert epochs[1] >= self.epochs[1]
        assert epochs[1] <= epochs[0]
        assert all(one.epoch <= epochs[1] for one in self.group.members.values())
        self.epochs = epochs

    @invariant()
    def members_are_few_and_listed(self) -> None:
        assert len(self.group.members) <= MAX_MEMBERS
        assert (self.group.state is ConsumerGroupState.EMPTY) == (not self.group.members)
        assert (self.group.deadline_ms is None) == (not self.group.members)

    def teardown(self) -> None:
        """When whoever is there beats and does as it is told, everything is read by one of them."""
        try:
            self.comes_to_rest()
        finally:
            self.slowness.stop()

    def comes_to_rest(self) -> None:
        self.time_passes(SESSION_MS)  # who died is found out
        for _ in range(12):
            self.time_passes(REBALANCE_MS // 2)
            for client in self.clients.values():
                self.beats(client)
                client.owned = client.told
            self.nobody_holds_what_another_holds()
        members = [each for each in self.clients.values() if each.epoch > 0]
        if not members:
            return
        assert self.group.state is ConsumerGroupState.STABLE
        wanted = {
            TopicPartition(topic.topic_id, number)
            for name, topic in self.world.topics.items()
            if name in self.group.topic_names
            for number in range(topic.partitions)
        }
        assert sorted(each for one in members for each in one.owned) == sorted(wanted)


TestConsumerGroupAgainstItsInvariants = ConsumerGroupMachine.TestCase
TestConsumerGroupAgainstItsInvariants.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)
