"""Fetch sessions: a client says once what it reads, and then only what is new (KIP-227). Pure.

A full fetch names every partition and may be given a session; incremental ones name what is added,
changed and forgotten, and are told only of partitions with news. Each fetch of a session carries
the epoch after that of the one before: whoever missed an answer is refused and begins anew with a
full fetch, so nothing is lost when the broker forgets a session, as it does when it dies.

Sessions are bounded in number and in what they hold together. For a new one the longest unused
goes once it has been silent for two minutes; else a smaller one that has lived that long, those of
followers last (Kafka's rule). Who finds no room is given none and sends everything each time.

Times are milliseconds of a clock that never jumps.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from broker_core.errors import FetchSessionIdNotFound, InvalidFetchSessionEpoch
from broker_core.protocol.messages.fetch import (
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    PartitionData,
)

NO_SESSION = 0
INITIAL_EPOCH = 0  # a full fetch that wants a session
FINAL_EPOCH = -1  # a full fetch that wants none
MAX_EPOCH = 2**31 - 1
EVICTION_MS = 120_000  # Kafka's, which is not configurable either
MAX_PARTITIONS = 100_000  # of all sessions together: some 50 MB
MAX_NAME = 249  # no topic has a longer name, and no session keeps one


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose session it is; nobody else's requests touch it.

    Attributes:
        is_follower: Whether it is a node that copies, whose sessions outlive others.
    """

    name: str
    is_follower: bool = False


class Found(Protocol):
    """What was found out about a wanted partition.

    Attributes:
        records: What was read.
    """

    records: bytes

    @property
    def is_trouble(self) -> bool:
        """Whether it failed, or the client's log is another one."""
        ...

    @property
    def bounds(self) -> tuple[int, ...]:
        """Log start, last stable offset and high watermark, as far as the client is told."""
        ...

    def data(self) -> PartitionData:
        """Return it in the words of the response."""
        ...


class Wanted:
    """One partition that a fetch reads, and what the session's client was told of it last.

    Attributes:
        asked: From where, and how much.
        kept: What the handler keeps with it from fetch to fetch.
    """

    __slots__ = ("_told", "asked", "kept", "topic")

    def __init__(self, topic: str, asked: FetchPartition) -> None:
        self.topic = topic
        self.asked = asked
        self.kept: object = None
        self._told: tuple[int, ...] | None = None

    def is_news(self, found: Found) -> bool:
        """Whether the client must be told; then it is taken to be.

        After trouble the next answer is news whatever it is.
        """
        if found.is_trouble:
            self._told = None
            return True
        bounds = found.bounds
        if bounds != self._told:
            self._told = bounds
            return True
        return bool(found.records)


class _Session:
    """What one client reads: its partitions, those that are next to be served first."""

    __slots__ = ("created_ms", "epoch", "id", "owner", "partitions", "used_ms")

    def __init__(self, session_id: int, owner: Owner, now_ms: int) -> None:
        self.id = session_id
        self.owner = owner
        self.created_ms = self.used_ms = now_ms
        self.epoch = 1
        self.partitions: dict[tuple[str, int], Wanted] = {}

    def update(self, request: FetchRequest) -> None:
        """Add, change and forget partitions."""
        partitions = self.partitions
        for topic in request.topics:
            for asked in topic.partitions:
                key = (topic.topic, asked.partition)
                known = partitions.get(key)
                if known is None:
                    partitions[key] = Wanted(topic.topic, asked)
                else:
                    known.asked = asked
        for forgotten in request.forgotten_topics_data:
            for index in forgotten.partitions:
                partitions.pop((forgotten.topic, index), None)

    def news(self, found: Iterable[Found]) -> tuple[FetchableTopicResponse, ...]:
        """Return what the client must be told; whoever gave records comes last next time."""
        topics: dict[str, list[PartitionData]] = {}
        served: list[tuple[str, int]] = []
        for (key, wanted), one in zip(self.partitions.items(), found, strict=True):
            if wanted.is_news(one):
                topics.setdefault(key[0], []).append(one.data())
                if one.records:
                    served.append(key)
        for key in served:
            self.partitions[key] = self.partitions.pop(key)
        return tuple(
            FetchableTopicResponse(topic=topic, partitions=tuple(told))
            for topic, told in topics.items()
        )


class Turn:
    """One fetch: what it reads, in the order of serving, and how that becomes an answer.

    Attributes:
        wanted: The partitions.
    """

    __slots__ = ("_topics", "wanted")

    def __init__(self, topics: Sequence[FetchTopic]) -> None:
        self._topics = topics
        self.wanted: Sequence[Wanted] = [
            Wanted(topic.topic, asked) for topic in topics for asked in topic.partitions
        ]

    def answer(self, found: Sequence[Found], now_ms: int) -> FetchResponse:
        """Return the response for what was found, in the order of :attr:`wanted`."""
        return FetchResponse(responses=self._everything(found))

    def _everything(self, found: Sequence[Found]) -> tuple[FetchableTopicResponse, ...]:
        rest = iter(found)
        return tuple(
            FetchableTopicResponse(
                topic=topic.topic, partitions=tuple(next(rest).data() for _ in topic.partitions)
            )
            for topic in self._topics
        )


class _FirstTurn(Turn):
    """A full fetch that is given a session with its answer, if there is room."""

    __slots__ = ("_owner", "_request", "_sessions")

    def __init__(self, request: FetchRequest, sessions: "FetchSessions", owner: Owner) -> None:
        super().__init__(request.topics)
        self._request = request
        self._sessions = sessions
        self._owner = owner

    def answer(self, found: Sequence[Found], now_ms: int) -> FetchResponse:
        session = self._sessions.begin(self._request, self._owner, now_ms)
        if session is not None:
            session.news(found)  # all of it is told
        return FetchResponse(
            session_id=NO_SESSION if session is None else session.id,
            responses=self._everything(found),
        )


class _NextTurn(Turn):
    """An incremental fetch."""

    __slots__ = ("_epoch", "_session")

    def __init__(self, session: _Session) -> None:
        super().__init__(())
        self.wanted = list(session.partitions.values())
        self._session = session
        self._epoch = session.epoch

    def answer(self, found: Sequence[Found], now_ms: int) -> FetchResponse:
        session = self._session
        if session.epoch != self._epoch:  # the client did not wait for this answer
            code = InvalidFetchSessionEpoch.code
            return FetchResponse(error_code=code, session_id=session.id, responses=())
        return FetchResponse(session_id=session.id, responses=session.news(found))


class FetchSessions:
    """Every fetch session of a broker."""

    def __init__(
        self,
        *,
        slots: int,
        new_id: Callable[[], int],
        evicted: Callable[[], None] = lambda: None,
        max_partitions: int = MAX_PARTITIONS,
    ) -> None:
        """Begin without any.

        Args:
            slots: Most sessions; 0: nobody is given one.
            new_id: Returns a number from 1 to 2**31 - 1 that nobody can guess.
            evicted: Called when a session goes to make room.
            max_partitions: Most partitions of all sessions together.
        """
        self._slots = slots
        self._new_id = new_id
        self._evicted = evicted
        self._max_partitions = max_partitions
        self._sessions: OrderedDict[int, _Session] = OrderedDict()  # the longest unused first
        self.partitions = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def turn(self, request: FetchRequest, owner: Owner, now_ms: int) -> Turn:
        """Take a request; return what it reads.

        Raises:
            FetchSessionIdNotFound: There is no such session of this owner, any more or at all.
            InvalidFetchSessionEpoch: The request is not the next one of its session.
        """
        epoch = request.session_epoch
        if epoch in (INITIAL_EPOCH, FINAL_EPOCH):
            self._end(request.session_id, owner)
            if epoch == FINAL_EPOCH:
                return Turn(request.topics)
            return _FirstTurn(request, self, owner)
        session = self._sessions.get(request.session_id)
        if session is None or session.owner != owner:
            raise FetchSessionIdNotFound(f"there is no fetch session {request.session_id}")
        if epoch != session.epoch:
            raise InvalidFetchSessionEpoch(f"epoch {epoch}, {session.epoch} is next")
        session.epoch = 1 if epoch == MAX_EPOCH else epoch + 1
        session.used_ms = now_ms
        self._sessions.move_to_end(session.id)
        before = len(session.partitions)
        session.update(request)
        self.partitions += len(session.partitions) - before
        if not session.partitions:
            self._remove(session)
            return Turn(())
        if self.partitions > self._max_partitions or not _has_possible_names(request):
            self._remove(session)
            raise FetchSessionIdNotFound("there is no room for so large a session")
        return _NextTurn(session)

    def begin(self, request: FetchRequest, owner: Owner, now_ms: int) -> _Session | None:
        """Return a new session for what a full fetch names; None if there is no room."""
        size = sum(len(topic.partitions) for topic in request.topics)
        if size == 0 or size > self._max_partitions or not _has_possible_names(request):
            return None
        while len(self) >= self._slots or self.partitions + size > self._max_partitions:
            if not self._evict(owner, size, now_ms):
                return None
        session = _Session(self._unused_id(), owner, now_ms)
        session.update(request)
        if len(session.partitions) != size:  # one is named twice: answers could not be matched
            return None
        self._sessions[session.id] = session
        self.partitions += size
        return session

    def _evict(self, owner: Owner, size: int, now_ms: int) -> bool:
        """Make room for a session of that size; False if every other has more right to stay."""
        longest_unused = next(iter(self._sessions.values()), None)
        if longest_unused is None:
            return False
        if now_ms - longest_unused.used_ms > EVICTION_MS:
            victim = longest_unused
        else:
            evictable = [
                session
                for session in self._sessions.values()
                if now_ms - session.created_ms > EVICTION_MS
                or (owner.is_follower and not session.owner.is_follower)
            ]
            if not evictable:
                return False
            victim = min(evictable, key=_right_to_stay)
            if _right_to_stay(victim) >= (owner.is_follower, size):
                return False
        self._remove(victim)
        self._evicted()
        return True

    def _end(self, session_id: int, owner: Owner) -> None:
        session = self._sessions.get(session_id) if session_id != NO_SESSION else None
        if session is not None and session.owner == owner:
            self._remove(session)

    def _remove(self, session: _Session) -> None:
        del self._sessions[session.id]
        self.partitions -= len(session.partitions)

    def _unused_id(self) -> int:
        while True:
            session_id = self._new_id()
            if session_id not in self._sessions:
                return session_id


def _has_possible_names(request: FetchRequest) -> bool:
    return all(len(topic.topic) <= MAX_NAME for topic in request.topics)


def _right_to_stay(session: _Session) -> tuple[bool, int]:
    return session.owner.is_follower, len(session.partitions)
