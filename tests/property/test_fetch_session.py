"""Fetch sessions of several clients against one rule: whoever has an answer knows all that is true.

Both sides are the product's (FetchSessions, SessionClient). Partitions grow, shrink at the start,
fail and recover; answers get lost, requests are sent twice, the broker forgets everything, and
there is room for fewer sessions than there are clients.
"""

import itertools
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from broker_core.errors import BrokerError
from broker_core.handlers.fetch_session import FetchSessions, Owner
from broker_core.protocol.messages.fetch import FetchRequest, FetchResponse, PartitionData
from broker_core.replication.session_client import Position, Said, SessionClient

PARTITIONS = range(4)
CLIENTS = range(3)
SLOTS = 2

partitions = st.sampled_from(PARTITIONS)
clients = st.sampled_from(CLIENTS)


@dataclass
class Truth:
    """A partition as it is."""

    end: int = 0
    stable: int = 0
    start: int = 0
    fails: bool = False

    @property
    def seen(self) -> tuple[int, ...]:
        """What a client is to know of it."""
        return (6,) if self.fails else (0, self.end, self.stable, self.start)


@dataclass
class Read:
    """What the broker found of a partition."""

    index: int
    truth: Truth
    records: bytes

    @property
    def is_trouble(self) -> bool:
        return self.truth.fails

    @property
    def bounds(self) -> tuple[int, ...]:
        return self.truth.start, self.truth.stable, self.truth.end

    def data(self) -> PartitionData:
        return PartitionData(
            partition_index=self.index,
            error_code=6 if self.truth.fails else 0,
            high_watermark=self.truth.end,
            last_stable_offset=self.truth.stable,
            log_start_offset=self.truth.start,
            aborted_transactions=None,
            records=self.records,
        )


def seen(data: PartitionData) -> tuple[int, ...]:
    if data.error_code:
        return (data.error_code,)
    return (0, data.high_watermark, data.last_stable_offset, data.log_start_offset)


@dataclass
class Client:
    """A reader of some partitions.

    Attributes:
        known: What it was told last of each.
        passed_over: How often a partition had records for it, and others were served.
    """

    owner: Owner
    session: SessionClient = field(default_factory=lambda: SessionClient(partition_max_bytes=1))
    offsets: dict[int, int] = field(default_factory=lambda: {0: 0})
    known: dict[int, tuple[int, ...]] = field(default_factory=dict)
    passed_over: dict[int, int] = field(default_factory=dict)

    def begin_anew(self) -> None:
        self.session = SessionClient(partition_max_bytes=1)
        self.known.clear()

    def say(self) -> Said:
        wanted = {("t", index): Position(0, at, 0, 0) for index, at in self.offsets.items()}
        return self.session.say(wanted)


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count(1)
        self.now_ms = 0
        self.truths = [Truth() for _ in PARTITIONS]
        self.clients = [Client(Owner(str(number), is_follower=number == 0)) for number in CLIENTS]
        self.start_broker()

    @rule()
    def start_broker(self) -> None:
        self.sessions = FetchSessions(slots=SLOTS, new_id=self.numbers.__next__)

    @rule(index=partitions, stays_open=st.booleans())
    def append(self, index: int, stays_open: bool) -> None:
        truth = self.truths[index]
        truth.end += 1
        truth.stable = truth.stable if stays_open else truth.end

    @rule(index=partitions)
    def delete_records(self, index: int) -> None:
        truth = self.truths[index]
        truth.start = truth.end

    @rule(index=partitions)
    def fail_or_recover(self, index: int) -> None:
        self.truths[index].fails ^= True

    @rule(ms=st.sampled_from([1, 60_000, 200_000]))
    def let_time_pass(self, ms: int) -> None:
        self.now_ms += ms

    @rule(number=clients, index=partitions)
    def read_or_not(self, number: int, index: int) -> None:
        client = self.clients[number]
        if client.offsets.pop(index, None) is None:
            client.offsets[index] = 0
        client.known.pop(index, None)
        client.passed_over.pop(index, None)

    @rule(number=clients, room=st.integers(0, 2))
    def fetch(self, number: int, room: int) -> None:
        client = self.clients[number]
        for _ in range(3):
            said = client.say()
            answer = self.ask(client.owner, said, room)
            if client.session.heard(answer.error_code, answer.session_id):
                return self.check(client, said, answer, room)
        raise AssertionError("refused again and again")

    @rule(number=clients)
    def lose_an_answer(self, number: int) -> None:
        client = self.clients[number]
        self.ask(client.owner, client.say(), 1)
        client.begin_anew()

    @rule(number=clients)
    def send_twice(self, number: int) -> None:
        client = self.clients[number]
        self.ask(client.owner, client.say(), 1)

    def ask(self, owner: Owner, said: Said, room: int) -> FetchResponse:
        request = FetchRequest(
            max_wait_ms=0,
            min_bytes=1,
            session_id=said.session_id,
            session_epoch=said.session_epoch,
            topics=said.topics,
            forgotten_topics_data=said.forgotten,
        )
        try:
            turn = self.sessions.turn(request, owner, self.now_ms)
        except BrokerError as error:
            return FetchResponse(error_code=error.code, responses=())
        found = []
        for each in turn.wanted:
            index, offset = each.asked.partition, each.asked.fetch_offset
            truth = self.truths[index]
            has_more = offset < truth.end and not truth.fails
            found.append(Read(index, truth, b"x" if has_more and room > 0 else b""))
            room -= has_more
        return turn.answer(found, self.now_ms)

    def check(self, client: Client, said: Said, answer: FetchResponse, room: int) -> None:
        before = dict(client.known)
        served = set()
        for topic in answer.responses:
            for data in topic.partitions:
                index = data.partition_index
                client.known[index] = seen(data)
                is_news = bool(data.records) or seen(data) != before.get(index)
                if said.session_epoch > 0 and data.error_code == 0:
                    assert is_news, "told what it knew"
                if data.records:
                    served.add(index)
        assert client.known == {index: self.truths[index].seen for index in client.offsets}
        self.note_order(client, served, room, is_new=said.session_epoch <= 0)
        for index in served:
            client.offsets[index] = self.truths[index].end

    def note_order(self, client: Client, served: set[int], room: int, *, is_new: bool) -> None:
        hungry = {
            index
            for index, at in client.offsets.items()
            if at < self.truths[index].end and not self.truths[index].fails
        }
        assert len(served) == min(room, len(hungry))
        for index in PARTITIONS:
            waits = index in hungry - served and not is_new
            client.passed_over[index] = client.passed_over.get(index, 0) + 1 if waits else 0
            if room == 0:
                client.passed_over[index] = 0
            assert client.passed_over[index] < len(PARTITIONS), "starved by those before it"

    @invariant()
    def sessions_are_bounded(self) -> None:
        held = self.sessions._sessions.values()
        assert len(self.sessions) <= SLOTS
        assert self.sessions.partitions == sum(len(each.partitions) for each in held)


TestSessions = Sessions.TestCase
