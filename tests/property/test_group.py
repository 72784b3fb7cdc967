"""A consumer group against its invariants, whatever members say and whoever falls silent.

Clients are modelled by what they believe: their id, their generation, what they wait for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from broker_core.coordinator.group import Group, GroupState
from broker_core.coordinator.member import Joined, Joining, Reply, Synced, Ticket
from broker_core.errors import ErrorCode

SESSION_MS = 100
REBALANCE_MS = 300
DELAY_MS = 20
MAX_MEMBERS = 5
NAMES = st.sampled_from("abcdef")


@dataclass(slots=True)
class Client:
    """One consumer: what it believes about its group."""

    instance_id: str | None
    member_id: str = ""
    generation: int = -1
    leader: str = ""
    told: Sequence[str] = ()
    assignment: bytes | None = None
    waits: bool = False
    answers: list[Joined | Synced] = field(default_factory=list)


class GroupMachine(RuleBasedStateMachine):
    """Clients that join, assign, beat, leave and die in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.group = Group("g", initial_delay_ms=DELAY_MS, max_members=MAX_MEMBERS)
        self.now_ms = 0
        self.clients: dict[str, Client] = {}
        self.open_tickets: dict[int, Client] = {}
        self.tickets = 0
        self.ids = 0
        self.seen: tuple[GroupState, int] = (GroupState.EMPTY, 0)
        self.since_ms = 0

    # -- what happens

    @rule(name=NAMES, is_static=st.booleans(), must_know_id=st.booleans(), skips=st.booleans())
    def join(self, name: str, is_static: bool, must_know_id: bool, skips: bool) -> None:
        client = self.clients.setdefault(name, Client(f"i-{name}" if is_static else None))
        if client.waits:
            return
        self.ids += 1
        joining = Joining(
            member_id=client.member_id,
            instance_id=client.instance_id,
            protocol_type="consumer",
            protocols={"range": b"", "sticky": name.encode()},
            session_ms=SESSION_MS,
            rebalance_ms=REBALANCE_MS,
            new_member_id=f"{name}-{self.ids}",
            must_know_id=must_know_id,
            skips_assignment=skips,
        )
        ticket = self.ticket(client)
        self.deliver(self.group.join(joining, ticket, self.now_ms))

    @precondition(lambda self: any(self.can_sync(one) for one in self.clients.values()))
    @rule(data=st.data())
    def sync(self, data: st.DataObject) -> None:
        names = [name for name, one in self.clients.items() if self.can_sync(one)]
        client = self.clients[data.draw(st.sampled_from(names))]
        assignments = {one: f"{client.generation}:{one}".encode() for one in client.told}
        replies = self.group.sync(
            member_id=client.member_id,
            instance_id=client.instance_id,
            generation=client.generation,
            protocol_type="consumer",
            protocol=None,
            assignments=assignments,
            ticket=self.ticket(client),
            now_ms=self.now_ms,
        )
        self.deliver(replies)

    @rule(name=NAMES)
    def heartbeat(self, name: str) -> None:
        client = self.clients.get(name)
        if client is None or client.waits:
            return
        error = self.group.heartbeat(
            member_id=client.member_id,
            instance_id=client.instance_id,
            generation=client.generation,
            now_ms=self.now_ms,
        )
        self.learn(client, error)

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        client = self.clients.pop(name, None)
        if client is None:
            return
        _, replies = self.group.leave(
            member_id=client.member_id, instance_id=client.instance_id, now_ms=self.now_ms
        )
        self.deliver(replies)
        assert client.member_id not in self.group.members

    @rule(name=NAMES)
    def die(self, name: str) -> None:
        client = self.clients.pop(name, None)
        if client is not None:
            self.open_tickets = {
                ticket: one for ticket, one in self.open_tickets.items() if one is not client
            }

    @rule(milliseconds=st.integers(SESSION_MS // 2, SESSION_MS - 1))
    def everybody_beats(self, milliseconds: int) -> None:
        self.time_passes(milliseconds)
        for name in self.clients:
            self.heartbeat(name)

    @rule(milliseconds=st.integers(1, REBALANCE_MS))
    def passes(self, milliseconds: int) -> None:
        self.time_passes(milliseconds)

    def time_passes(self, milliseconds: int) -> None:
        until = self.now_ms + milliseconds
        while (due := self.group.deadline_ms) is not None and due <= until:
            self.now_ms = max(self.now_ms, due)
            self.deliver(self.group.tick(self.now_ms))
            after = self.group.deadline_ms
            assert after is None or after > self.now_ms, "a deadline is dealt with once it passed"
        self.now_ms = until

    # -- how clients take it

    def ticket(self, client: Client) -> Ticket:
        self.tickets += 1
        client.waits = True
        self.open_tickets[self.tickets] = client
        return self.tickets

    def can_sync(self, client: Client) -> bool:
        return not client.waits and client.generation >= 0 and client.assignment is None

    def deliver(self, replies: list[Reply]) -> None:
        for reply in replies:
            assert isinstance(reply.ticket, int)
            client = self.open_tickets.pop(reply.ticket, None)
            if client is None:
                continue  # it died, and nobody reads the answer
            client.waits = False
            if reply.answer.error is not ErrorCode.NONE:
                if reply.answer.error is ErrorCode.MEMBER_ID_REQUIRED:
                    assert isinstance(reply.answer, Joined)
                    client.member_id = reply.answer.member_id
                self.learn(client, reply.answer.error)
            elif isinstance(reply.answer, Joined):
                self.learn_generation(client, reply.answer)
            else:
                client.assignment = reply.answer.assignment
                assert client.assignment in (
                    b"",
                    f"{client.generation}:{client.member_id}".encode(),
                )

    def learn_generation(self, client: Client, joined: Joined) -> None:
        client.member_id = joined.member_id
        client.generation = joined.generation
        client.leader = joined.leader
        client.told = [member.member_id for member in joined.members]
        client.assignment = None
        if joined.leader == joined.member_id and not joined.skip_assignment:
            assert client.told, "a leader that must assign is told the members"

    def learn(self, client: Client, error: ErrorCode) -> None:
        if error in (ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_INSTANCE_ID):
            client.member_id = ""
        if error not in (ErrorCode.NONE, ErrorCode.REBALANCE_IN_PROGRESS):
            client.generation = -1
            client.assignment = None

    # -- what always holds

    @invariant()
    def state_fits_members(self) -> None:
        group = self.group
        if group.state is GroupState.EMPTY:
            assert not group.members
        else:
            assert group.members
        assert len(group.members) <= MAX_MEMBERS
        if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
            assert group.leader in group.members
            assert all(group.protocol in member.protocols for member in group.members.values())
            assert all(member.joining is None for member in group.members.values())
        if group.state is GroupState.STABLE:
            assert all(member.syncing is None for member in group.members.values())

    @invariant()
    def whoever_waits_will_be_answered(self) -> None:
        waiting = {
            ticket
            for member in self.group.members.values()
            for ticket in (member.joining, member.syncing)
            if ticket is not None
        }
        assert set(self.open_tickets) <= waiting
        if waiting:
            assert self.group.deadline_ms is not None

    @invariant()
    def a_generation_has_one_leader(self) -> None:
        for client in self.clients.values():
            if client.generation == self.group.generation and client.told:
                assert client.leader == client.member_id or client.leader not in self.group.members

    @invariant()
    def a_rebalance_ends_in_time(self) -> None:
        state = self.group.state, self.group.generation
        if state != self.seen:
            self.seen, self.since_ms = state, self.now_ms
        if self.group.state is GroupState.COMPLETING_REBALANCE:
            assert self.now_ms - self.since_ms < REBALANCE_MS, "somebody never synced"

    def teardown(self) -> None:
        """When everybody has fallen silent, the group ends up empty, and soon."""
        self.open_tickets = {}
        began_ms = self.now_ms
        while (due := self.group.deadline_ms) is not None:
            self.now_ms = max(self.now_ms, due)
            self.group.tick(self.now_ms)
            assert self.now_ms <= began_ms + 2 * (SESSION_MS + REBALANCE_MS)
        assert self.group.state is GroupState.EMPTY


TestGroupAgainstItsInvariants = GroupMachine.TestCase
TestGroupAgainstItsInvariants.settings = settings(max_examples=150, stateful_step_count=40)
