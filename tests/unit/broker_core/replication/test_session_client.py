"""What a follower says in its fetch session, and what the leader's answers make of it."""

import pytest

from broker_core.error_codes import ErrorCode
from broker_core.replication.session_client import MAX_EPOCH, Position, Said, SessionClient

A, B, C = ("t", 0), ("t", 1), ("u", 0)
HERE = Position(leader_epoch=1, fetch_offset=10, last_epoch=1, log_start_offset=0)
THERE = HERE._replace(fetch_offset=20)


@pytest.fixture
def client() -> SessionClient:
    return SessionClient(partition_max_bytes=1000)


def named(said: Said) -> dict[tuple[str, int], int]:
    """Offsets by partition."""
    return {
        (topic.topic, asked.partition): asked.fetch_offset
        for topic in said.topics
        for asked in topic.partitions
    }


def forgotten(said: Said) -> set[tuple[str, int]]:
    return {(topic.topic, index) for topic in said.forgotten for index in topic.partitions}


def test_everything_is_said_first(client: SessionClient) -> None:
    said = client.say({A: HERE, C: THERE})

    assert (said.session_id, said.session_epoch) == (0, 0)
    assert named(said) == {A: 10, C: 20}
    [asked] = said.topics[0].partitions
    assert (asked.current_leader_epoch, asked.last_fetched_epoch) == (1, 1)
    assert (asked.log_start_offset, asked.partition_max_bytes) == (0, 1000)


def test_then_only_what_is_new(client: SessionClient) -> None:
    client.say({A: HERE, B: HERE, C: HERE})
    client.heard(0, 7)

    said = client.say({A: HERE, B: THERE})

    assert (said.session_id, said.session_epoch) == (7, 1)
    assert (named(said), forgotten(said)) == ({B: 20}, {C})
    client.heard(0, 7)
    said = client.say({A: HERE, B: THERE})
    assert (said.session_epoch, named(said), forgotten(said)) == (2, {}, set())


def test_without_a_session_everything_is_said_each_time(client: SessionClient) -> None:
    client.say({A: HERE})
    assert client.heard(0, 0)

    said = client.say({A: HERE})

    assert (said.session_id, said.session_epoch, named(said)) == (0, 0, {A: 10})


def test_a_session_that_the_leader_ended_is_begun_anew(client: SessionClient) -> None:
    client.say({A: HERE})
    client.heard(0, 7)
    client.say({A: HERE})
    assert client.heard(0, 0)

    said = client.say({A: HERE})

    assert (said.session_id, said.session_epoch, named(said)) == (0, 0, {A: 10})


@pytest.mark.parametrize(
    ("error", "session"),
    [(ErrorCode.FETCH_SESSION_ID_NOT_FOUND, 0), (ErrorCode.INVALID_FETCH_SESSION_EPOCH, 7)],
)
def test_whoever_is_refused_says_everything_anew(
    client: SessionClient, error: ErrorCode, session: int
) -> None:
    client.say({A: HERE})
    client.heard(0, 7)
    client.say({A: THERE})
    assert not client.heard(error, 0)

    said = client.say({A: THERE})

    assert (said.session_id, said.session_epoch, named(said)) == (session, 0, {A: 20})
    assert forgotten(said) == set()


def test_epochs_begin_again_at_one(client: SessionClient) -> None:
    client.say({A: HERE})
    client.heard(0, 7)
    client._epoch = MAX_EPOCH

    client.heard(0, 7)

    assert client.say({A: HERE}).session_epoch == 1
