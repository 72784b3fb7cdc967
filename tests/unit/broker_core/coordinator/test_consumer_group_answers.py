"""Heartbeats that say too little, too much or nonsense; what a group looks like from outside."""

from dataclasses import replace

import pytest

from broker_core.coordinator.consumer_group import Beaten, ConsumerGroup
from broker_core.coordinator.consumer_group_answers import (
    beat_of,
    check_heartbeat,
    described_group,
    heartbeat_response,
)
from broker_core.coordinator.member_errors import UnsupportedAssignor
from broker_core.coordinator.topic_partitions import KnownTopic, TopicPartition
from broker_core.errors import BrokerError, InvalidRequest
from broker_core.protocol.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    OwnedTopicPartitions,
)

LOGS = b"L" * 16
JOIN = ConsumerGroupHeartbeatRequest(
    group_id="g",
    member_id="m",
    member_epoch=0,
    rebalance_timeout_ms=300,
    subscribed_topic_names=("logs",),
    topic_partitions=(),
)
OWNED = (OwnedTopicPartitions(topic_id=LOGS, partitions=(0, 1)),)


def test_a_request_that_joins_says_everything() -> None:
    check_heartbeat(JOIN)
    check_heartbeat(replace(JOIN, subscribed_topic_names=None, subscribed_topic_regex=".*"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"group_id": ""}, InvalidRequest),
        ({"member_id": ""}, InvalidRequest),
        ({"instance_id": ""}, InvalidRequest),
        ({"rack_id": "r" * 1025}, InvalidRequest),
        ({"member_epoch": -3}, InvalidRequest),
        ({"member_epoch": -2}, InvalidRequest),
        ({"rebalance_timeout_ms": -1}, InvalidRequest),
        ({"subscribed_topic_names": None}, InvalidRequest),
        ({"topic_partitions": None}, InvalidRequest),
        ({"topic_partitions": OWNED}, InvalidRequest),
        ({"subscribed_topic_names": ("t" * 1000,) * 1100}, InvalidRequest),
        ({"server_assignor": "sticky"}, UnsupportedAssignor),
    ],
)
def test_what_a_request_may_not_say(changes: dict[str, object], error: type[BrokerError]) -> None:
    with pytest.raises(error):
        check_heartbeat(replace(JOIN, **changes))  # type: ignore[arg-type]


def test_what_a_member_does_not_repeat_is_none() -> None:
    silent = ConsumerGroupHeartbeatRequest(group_id="g", member_id="m", member_epoch=5)

    beat = beat_of(silent, client_id="c", client_host="h")

    assert (beat.rebalance_ms, beat.topic_names, beat.topic_regex, beat.owned) == (None,) * 4
    assert not beat.is_full
    told = beat_of(replace(JOIN, topic_partitions=OWNED), client_id="c", client_host="h")
    assert told.is_full
    assert told.owned == {TopicPartition(LOGS, 0), TopicPartition(LOGS, 1)}


def test_partitions_are_told_by_topic_and_nothing_is_not_none() -> None:
    beaten = Beaten("m", 3, {TopicPartition(LOGS, 1), TopicPartition(LOGS, 0)})

    answer = heartbeat_response(beaten, 5000)

    assert answer.assignment is not None
    assert [each.partitions for each in answer.assignment.topic_partitions] == [(0, 1)]
    assert (answer.member_epoch, answer.heartbeat_interval_ms) == (3, 5000)
    assert heartbeat_response(Beaten("m", 3), 5000).assignment is None
    nothing = heartbeat_response(Beaten("m", 3, frozenset()), 5000)
    assert nothing.assignment is not None
    assert nothing.assignment.topic_partitions == ()


def test_a_group_is_shown_by_the_names_of_topics_that_exist() -> None:
    group = ConsumerGroup("g", session_ms=100, max_members=5)
    topics = {"logs": KnownTopic(LOGS, 2), "gone": KnownTopic(b"G" * 16, 1)}
    beat = beat_of(
        replace(JOIN, subscribed_topic_names=("logs", "gone")), client_id="c", client_host="h"
    )
    group.heartbeat(beat, topics, lambda _: True, 0)

    shown = described_group(group, {"logs": topics["logs"]})

    assert (shown.group_state, shown.group_epoch, shown.assignment_epoch) == ("Stable", 1, 1)
    (member,) = shown.members
    assert (member.client_id, member.client_host, member.member_type) == ("c", "h", 1)
    assert member.subscribed_topic_names == ("gone", "logs")
    names = [each.topic_name for each in member.assignment.topic_partitions]
    assert (names, member.target_assignment) == (["logs"], member.assignment)
