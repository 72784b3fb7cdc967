"""ClusterState over the wire: whole, as a difference, and what did not change."""

from dataclasses import replace
from uuid import UUID

import pytest

from broker_core.errors import CorruptMessage
from broker_core.protocol.decoder import decode
from broker_core.protocol.encoder import encode
from broker_core.protocol.messages.watch_cluster import WatchClusterResponse
from broker_core.replication.cluster_state import (
    NOTHING_KNOWN,
    ClusterState,
    Node,
    Partition,
    PolicyEntries,
    Topic,
)
from broker_core.replication.state_messages import from_message, to_message


def topic(name: str, partitions: int) -> Topic:
    topic_id = UUID(int=len(name))
    return Topic(
        name=name,
        topic_id=topic_id,
        configs={"retention.ms": "5"},
        partitions=tuple(
            Partition(
                topic=name,
                topic_id=topic_id,
                index=index,
                replicas=(1, 2, 3),
                isr=(1, 2),
                leader=1,
                leader_epoch=index,
                partition_epoch=7,
                adding=(3,),
                removing=(2,),
            )
            for index in range(partitions)
        ),
    )


STATE = ClusterState(
    version=9,
    cluster_id="c",
    nodes={1: Node(node_id=1, host="h", port=9092, epoch=4, fenced=True)},
    topics={"one": topic("one", 2), "three": topic("three", 1)},
    policy=PolicyEntries(version=8, entries={"a": "1", "b": "2"}),
)


def sent(state: ClusterState, known: ClusterState | None) -> WatchClusterResponse:
    message = to_message(state, known, session_timeout_ms=6000)
    encoded = b"".join(encode(message, 0, flexible=True))
    return decode(WatchClusterResponse, 0, flexible=True, data=encoded)


def test_a_node_that_knows_nothing_is_told_everything() -> None:
    message = sent(STATE, None)

    assert from_message(message, NOTHING_KNOWN) == STATE
    assert message.session_timeout_ms == 6000


def test_only_what_changed_is_sent_and_the_rest_stays_the_same_object() -> None:
    one = STATE.topics["one"]
    led = replace(one.partitions[1], leader=2, leader_epoch=5, partition_epoch=8)
    changed = replace(one, partitions=(one.partitions[0], led))
    later = replace(STATE, version=10, topics={"one": changed, "new": topic("new", 1)})
    known = from_message(sent(STATE, None), NOTHING_KNOWN)
    before = known.topics["one"].partitions[0]

    message = sent(later, STATE)
    after = from_message(message, known)

    assert after == later
    assert [each.name for each in message.topics] == ["one", "new"]
    assert message.deleted == ("three",)
    assert after.topics["one"].partitions[0] is before


def test_only_entries_of_the_policy_that_changed_are_sent() -> None:
    changed = PolicyEntries(version=10, entries={"a": "1", "c": "3"})
    later = replace(STATE, version=10, policy=changed)
    known = from_message(sent(STATE, None), NOTHING_KNOWN)

    message = sent(later, STATE)

    assert from_message(message, known) == later
    assert [(each.key, each.value) for each in message.policy] == [("c", "3")]
    assert message.policy_deleted == ("b",)


def test_a_policy_that_did_not_change_stays_the_same_object() -> None:
    known = from_message(sent(STATE, None), NOTHING_KNOWN)

    message = sent(replace(STATE, version=10), STATE)

    assert message.policy == ()
    assert from_message(message, known).policy is known.policy


def test_a_whole_state_replaces_whatever_was_known() -> None:
    other = ClusterState(version=99, cluster_id="c", topics={"other": topic("other", 1)})

    assert from_message(sent(STATE, None), other) == STATE


def test_a_difference_to_another_clusters_state_is_refused() -> None:
    with pytest.raises(CorruptMessage):
        from_message(sent(replace(STATE, version=10), STATE), NOTHING_KNOWN)
