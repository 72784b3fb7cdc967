"""Changes of the cluster are lines in the log, one each."""

from dataclasses import replace
from uuid import UUID

from structlog.testing import capture_logs

from broker_core.replication.cluster_state import ClusterState, Partition, Topic
from broker_core.replication.state_log import log_changes

FIRST = Partition(
    topic="logs",
    topic_id=UUID(int=7),
    index=0,
    replicas=(1, 2, 3),
    isr=(1, 2, 3),
    leader=1,
    leader_epoch=0,
    partition_epoch=0,
)
TOPIC = Topic(name="logs", topic_id=UUID(int=7), configs={"a": "1"}, partitions=(FIRST,))
EMPTY = ClusterState(version=1, cluster_id="c")


def state(topic: Topic) -> ClusterState:
    return replace(EMPTY, version=2, topics={"logs": topic})


def told(before: ClusterState, after: ClusterState) -> list[str]:
    with capture_logs() as lines:
        log_changes(before, after)
    return [line["event"] for line in lines if line["log_level"] == "info"]


def test_a_topic_comes_changes_and_goes() -> None:
    grown = replace(TOPIC, partitions=(FIRST, replace(FIRST, index=1)))
    altered = replace(grown, configs={"a": "2"})

    assert told(EMPTY, state(TOPIC)) == ["topic_created"]
    assert told(state(TOPIC), state(TOPIC)) == []
    assert told(state(TOPIC), state(grown)) == ["partitions_added"]
    assert told(state(grown), state(altered)) == ["topic_altered"]
    assert told(state(altered), EMPTY) == ["topic_deleted"]


def test_partitions_that_change_are_counted_in_one_line() -> None:
    alone = replace(FIRST, isr=(1,), partition_epoch=1)

    with capture_logs() as lines:
        log_changes(state(TOPIC), state(replace(TOPIC, partitions=(alone,))))

    [line] = [line for line in lines if line["log_level"] == "info"]
    assert (line["event"], line["partitions"], line["shrunk"]) == ("partitions_changed", 1, 1)
