"""Fetch sessions: who is given one, who is refused, who goes, and what is news."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from broker_core.errors import ErrorCode, FetchSessionIdNotFound, InvalidFetchSessionEpoch
from broker_core.handlers.fetch_session import (
    EVICTION_MS,
    MAX_EPOCH,
    MAX_NAME,
    FetchSessions,
    Owner,
    Turn,
)
from broker_core.protocol.messages.fetch import (
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    ForgottenTopic,
    PartitionData,
)

ANN, BOB, NODE = Owner("ann"), Owner("bob"), Owner("node", is_follower=True)


def request(
    session_id: int = 0,
    epoch: int = 0,
    *indexes: int,
    topic: str = "t",
    offset: int = 0,
    forgotten: Iterable[int] = (),
) -> FetchRequest:
    partitions = tuple(
        FetchPartition(partition=index, fetch_offset=offset, partition_max_bytes=1)
        for index in indexes
    )
    gone = tuple(forgotten)
    return FetchRequest(
        max_wait_ms=0,
        min_bytes=1,
        session_id=session_id,
        session_epoch=epoch,
        topics=(FetchTopic(topic=topic, partitions=partitions),) if partitions else (),
        forgotten_topics_data=(ForgottenTopic(topic=topic, partitions=gone),) if gone else (),
    )


@dataclass
class Read:
    """What a handler found."""

    index: int
    records: bytes = b""
    is_trouble: bool = False
    bounds: tuple[int, ...] = (0, 5, 5)

    def data(self) -> PartitionData:
        return PartitionData(
            partition_index=self.index,
            error_code=6 if self.is_trouble else 0,
            high_watermark=5,
            aborted_transactions=None,
            records=self.records,
        )


def found(turn: Turn) -> list[Read]:
    return [Read(each.asked.partition) for each in turn.wanted]


def told(answer: FetchResponse) -> list[int]:
    return [data.partition_index for topic in answer.responses for data in topic.partitions]


@pytest.fixture
def sessions() -> FetchSessions:
    return FetchSessions(slots=2, new_id=itertools.count(1).__next__, max_partitions=100)


def begin(
    sessions: FetchSessions, *indexes: int, owner: Owner = ANN, now_ms: int = 0, topic: str = "t"
) -> int:
    """Fetch in full; return the id of the session that came of it."""
    turn = sessions.turn(request(0, 0, *indexes, topic=topic), owner, now_ms)
    answer = turn.answer(found(turn), now_ms)
    assert told(answer) == list(indexes)
    return answer.session_id


def go_on(
    sessions: FetchSessions, wanted: FetchRequest, *other: Read, owner: Owner = ANN
) -> FetchResponse:
    """Fetch incrementally; the partitions are quiet but for the others given."""
    turn = sessions.turn(wanted, owner, 0)
    instead = {read.index: read for read in other}
    return turn.answer([instead.get(read.index, read) for read in found(turn)], 0)


def test_a_full_fetch_is_told_everything_and_given_a_session(sessions: FetchSessions) -> None:
    assert begin(sessions, 0, 1, 2) == 1
    assert (len(sessions), sessions.partitions) == (1, 3)


def test_who_wants_no_session_gets_none_and_ends_the_one_it_had(sessions: FetchSessions) -> None:
    session = begin(sessions, 0)

    turn = sessions.turn(request(session, -1, 0), ANN, 0)

    answer = turn.answer(found(turn), 0)
    assert (told(answer), answer.session_id, len(sessions), sessions.partitions) == ([0], 0, 0, 0)


def test_a_full_fetch_ends_the_session_it_names(sessions: FetchSessions) -> None:
    session = begin(sessions, 0)

    sessions.turn(request(session, 0, 0), ANN, 0)

    with pytest.raises(FetchSessionIdNotFound):
        sessions.turn(request(session, 1), ANN, 0)


def test_an_incremental_fetch_is_told_of_nothing_that_is_not_new(sessions: FetchSessions) -> None:
    session = begin(sessions, 0, 1)

    answer = go_on(sessions, request(session, 1))

    assert (told(answer), answer.session_id, answer.error_code) == ([], session, 0)


@pytest.mark.parametrize(
    "news",
    [
        Read(1, records=b"x"),
        Read(1, bounds=(0, 5, 6)),
        Read(1, bounds=(0, 4, 5)),
        Read(1, bounds=(1, 5, 5)),
    ],
    ids=["records", "high watermark", "last stable offset", "log start"],
)
def test_news_is_told_once(sessions: FetchSessions, news: Read) -> None:
    session = begin(sessions, 0, 1)

    assert told(go_on(sessions, request(session, 1), news)) == [1]
    assert told(go_on(sessions, request(session, 2), replace(news, records=b""))) == []


def test_trouble_is_told_each_time_and_its_end_too(sessions: FetchSessions) -> None:
    news = Read(1, is_trouble=True)
    session = begin(sessions, 0, 1)

    assert told(go_on(sessions, request(session, 1), news)) == [1]
    assert told(go_on(sessions, request(session, 2), news)) == [1]
    assert told(go_on(sessions, request(session, 3))) == [1]
    assert told(go_on(sessions, request(session, 4))) == []


def test_partitions_are_added_changed_and_forgotten(sessions: FetchSessions) -> None:
    session = begin(sessions, 0, 1)

    turn = sessions.turn(request(session, 1, 0, 2, offset=7, forgotten=[1]), ANN, 0)

    assert [(each.asked.partition, each.asked.fetch_offset) for each in turn.wanted] == [
        (0, 7),
        (2, 7),
    ]
    assert told(turn.answer(found(turn), 0)) == [2]
    assert sessions.partitions == 2


def test_what_is_forgotten_and_added_again_is_told_again(sessions: FetchSessions) -> None:
    session = begin(sessions, 0, 1)

    go_on(sessions, request(session, 1, forgotten=[1]))

    assert told(go_on(sessions, request(session, 2, 1))) == [1]


def test_who_was_served_is_served_last_next_time(sessions: FetchSessions) -> None:
    session = begin(sessions, 0, 1, 2)

    go_on(sessions, request(session, 1), Read(0, records=b"x"))

    turn = sessions.turn(request(session, 2), ANN, 0)
    assert [each.asked.partition for each in turn.wanted] == [1, 2, 0]


def test_a_session_of_nothing_ends(sessions: FetchSessions) -> None:
    session = begin(sessions, 0)

    answer = go_on(sessions, request(session, 1, forgotten=[0]))

    assert (answer.session_id, told(answer), len(sessions)) == (0, [], 0)


@pytest.mark.parametrize("epoch", [2, MAX_EPOCH])
def test_another_epoch_than_the_next_is_refused(sessions: FetchSessions, epoch: int) -> None:
    session = begin(sessions, 0)

    with pytest.raises(InvalidFetchSessionEpoch):
        sessions.turn(request(session, epoch), ANN, 0)


def test_an_epoch_that_was_is_refused(sessions: FetchSessions) -> None:
    session = begin(sessions, 0)
    go_on(sessions, request(session, 1))

    with pytest.raises(InvalidFetchSessionEpoch):
        sessions.turn(request(session, 1), ANN, 0)


def test_epochs_begin_again_at_one(sessions: FetchSessions) -> None:
    session = begin(sessions, 0)
    sessions._sessions[session].epoch = MAX_EPOCH

    go_on(sessions, request(session, MAX_EPOCH))

    assert go_on(sessions, request(session, 1)).error_code == 0


def test_nobody_elses_session_can_be_used_or_ended(sessions: FetchSessions) -> None:
    session = begin(sessions, 0)

    with pytest.raises(FetchSessionIdNotFound):
        sessions.turn(request(session, 1), BOB, 0)
    sessions.turn(request(session, -1, 0), BOB, 0)

    assert go_on(sessions, request(session, 1)).error_code == 0


def test_who_does_not_wait_for_an_answer_is_told_nothing(sessions: FetchSessions) -> None:
    session = begin(sessions, 0)
    first = sessions.turn(request(session, 1), ANN, 0)
    second = sessions.turn(request(session, 2, 1), ANN, 0)

    answer = first.answer(found(first), 0)

    assert (answer.error_code, told(answer)) == (ErrorCode.INVALID_FETCH_SESSION_EPOCH, [])
    assert told(second.answer(found(second), 0)) == [1]


def test_without_room_there_is_no_session(sessions: FetchSessions) -> None:
    begin(sessions, 0)
    begin(sessions, 0)

    assert begin(sessions, 0, 1) == 0
    assert begin(FetchSessions(slots=0, new_id=lambda: 1), 0) == 0


def test_the_longest_unused_goes_when_it_was_silent_for_long(sessions: FetchSessions) -> None:
    first, second = begin(sessions, 0, 1), begin(sessions, 0)
    sessions.turn(request(first, 1), ANN, 1)

    assert begin(sessions, 0, now_ms=EVICTION_MS) == 0
    assert begin(sessions, 0, now_ms=EVICTION_MS + 1) == 3

    assert list(sessions._sessions) == [first, 3]
    assert second not in sessions._sessions


def test_a_smaller_one_that_has_lived_goes_for_a_larger(sessions: FetchSessions) -> None:
    small, large = begin(sessions, 0), begin(sessions, 0, 1)
    late = EVICTION_MS + 1
    for session in (small, large):
        sessions.turn(request(session, 1), ANN, late)

    assert begin(sessions, 0, now_ms=late) == 0
    assert begin(sessions, 0, 1, now_ms=late) == 3
    assert list(sessions._sessions) == [large, 3]


def test_a_follower_finds_room_before_others(sessions: FetchSessions) -> None:
    begin(sessions, 0, 1, 2)
    large = begin(sessions, 0, 1, 2, 3)

    assert begin(sessions, 0, owner=NODE) == 3
    assert list(sessions._sessions) == [large, 3]
    assert begin(sessions, 0, owner=NODE) == 4
    assert begin(sessions, 0, owner=NODE) == 0


def test_evictions_are_counted() -> None:
    gone: list[None] = []
    numbers = itertools.count(1)
    sessions = FetchSessions(
        slots=1, new_id=lambda: next(numbers), evicted=lambda: gone.append(None)
    )
    begin(sessions, 0)

    begin(sessions, 0, owner=NODE)

    assert len(gone) == 1


def test_an_id_in_use_is_not_given_again() -> None:
    numbers = iter([7, 7, 8])
    sessions = FetchSessions(slots=2, new_id=lambda: next(numbers))

    assert [begin(sessions, 0), begin(sessions, 0)] == [7, 8]


def test_sessions_are_bounded_in_what_they_hold_together(sessions: FetchSessions) -> None:
    begin(sessions, *range(60))

    assert begin(sessions, *range(41)) == 0
    assert begin(sessions, *range(101)) == 0
    assert begin(sessions, *range(40)) == 2
    with pytest.raises(FetchSessionIdNotFound):
        sessions.turn(request(2, 1, 40), ANN, 0)
    assert (len(sessions), sessions.partitions) == (1, 60)


def test_names_that_no_topic_has_are_not_kept(sessions: FetchSessions) -> None:
    session = begin(sessions, 0)

    assert begin(sessions, 0, topic="t" * (MAX_NAME + 1)) == 0
    with pytest.raises(FetchSessionIdNotFound):
        sessions.turn(request(session, 1, 0, topic="t" * (MAX_NAME + 1)), ANN, 0)
    assert (len(sessions), sessions.partitions) == (0, 0)


def test_a_fetch_that_names_a_partition_twice_is_answered_without_a_session(
    sessions: FetchSessions,
) -> None:
    turn = sessions.turn(request(0, 0, 1, 1), ANN, 0)

    answer = turn.answer(found(turn), 0)

    assert (told(answer), answer.session_id) == ([1, 1], 0)
