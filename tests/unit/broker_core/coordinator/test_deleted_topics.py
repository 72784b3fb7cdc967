"""Which topics are forgotten as one state of a cluster follows another."""

from collections.abc import Mapping
from uuid import UUID

from broker_core.coordinator.deleted_topics import DeletedTopics
from broker_core.errors import NotCoordinator
from broker_core.replication.cluster_state import ClusterState, Topic


def state(topics: Mapping[str, int]) -> ClusterState:
    return ClusterState(
        version=1,
        cluster_id="c",
        topics={
            name: Topic(name=name, topic_id=UUID(int=number), configs={}, partitions=())
            for name, number in topics.items()
        },
    )


async def test_what_is_deleted_or_made_anew_is_forgotten() -> None:
    forgotten: list[str] = []

    async def forget(topic: str) -> None:
        forgotten.append(topic)

    topics = DeletedTopics(forget)
    topics.learn(state({"stays": 1, "goes": 2, "is made anew": 3}))
    topics.learn(state({"stays": 1, "is made anew": 4, "comes": 5}))
    await topics.close()

    assert sorted(forgotten) == ["goes", "is made anew"]


async def test_one_that_cannot_be_forgotten_keeps_no_other_from_it() -> None:
    forgotten: list[str] = []

    async def forget(topic: str) -> None:
        if topic == "a":
            raise NotCoordinator("another node leads")
        forgotten.append(topic)

    topics = DeletedTopics(forget)
    topics.learn(state({"a": 1, "b": 2}))
    topics.learn(state({}))
    await topics.close()

    assert forgotten == ["b"]
