"""What is wrong with the log's copies is said once, the worst of it, and nothing if all is well."""

from pipeline.bus.admin import NodeDescription
from web.operations.log_watch import (
    LogState,
    NodeState,
    PartitionState,
    TopicState,
    node_states,
)
from web.rendering.log_trouble import LogTrouble, log_trouble

ALL = (1, 2, 3)
ALIVE = tuple(NodeDescription(node, f"127.0.0.1:909{node + 1}") for node in ALL)


def partition(
    number: int, *, leader: int = 1, in_sync: tuple[int, ...] = ALL, rate: float | None = 5.0
) -> PartitionState:
    return PartitionState(
        number=number, leader=leader, replicas=ALL, in_sync=in_sync, start=0, end=10, rate=rate
    )


def state(*partitions: PartitionState, alive: tuple[NodeDescription, ...] = ALIVE) -> LogState:
    topics = (TopicState(name="events.log", partitions=partitions),)
    return LogState(at=1.0, topics=topics, nodes=node_states(alive, topics))


def test_a_log_with_all_of_its_copies_has_no_trouble() -> None:
    assert log_trouble(state(partition(0), partition(1, leader=2))) is None
    assert log_trouble(LogState(at=1.0)) is None


def test_the_node_that_lacks_something_is_named() -> None:
    found = log_trouble(state(partition(0), partition(1, in_sync=(1, 3))))

    assert isinstance(found, LogTrouble)
    assert (found.kind, found.title) == ("warn", "1 partition lacks a copy on node 2.")


def test_what_nobody_leads_is_worse_than_what_lacks_a_copy() -> None:
    found = log_trouble(
        state(partition(0, in_sync=(1,)), partition(1, leader=-1), partition(2, leader=-1))
    )

    assert isinstance(found, LogTrouble)
    assert (found.kind, found.title) == ("bad", "2 partitions are offline.")


def test_nodes_are_seen_through_the_partitions_they_hold() -> None:
    one, two, three = state(
        partition(0), partition(1, in_sync=(1, 3)), partition(2, leader=3, in_sync=(1, 3)),
        alive=(ALIVE[0], ALIVE[2]),
    ).nodes  # fmt: skip

    assert one == NodeState(
        node_id=1, address="127.0.0.1:9092", leads=2, holds=3, lacks=0, rate=10.0
    )
    assert (two.leads, two.holds, two.lacks, two.rate) == (0, 3, 2, None)
    assert [node.state for node in (one, two, three)] == [
        ("ok", "In sync"),
        ("failed", "Away"),
        ("ok", "In sync"),
    ]


def test_a_node_that_is_back_and_lacks_something_catches_up() -> None:
    (_, two, _) = state(partition(0, in_sync=(1, 3))).nodes

    assert two.state == ("late", "Catching up")
