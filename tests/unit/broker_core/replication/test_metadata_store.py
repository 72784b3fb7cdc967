"""The controller's database: what is committed is there, and only one controller commits."""

import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from broker_core.errors import StorageError
from broker_core.replication import metadata_store
from broker_core.replication.cluster_state import (
    ClusterState,
    Node,
    Partition,
    PolicyEntries,
    Topic,
)
from broker_core.replication.controller_state import ControllerState, Registration
from broker_core.replication.metadata_store import FILE_NAME, MetadataStore

FIRST = ControllerState(cluster=ClusterState(version=1, cluster_id="c"), boot_id="b")


def partition_of(topic: str, index: int) -> Partition:
    return Partition(
        topic=topic,
        topic_id=UUID(int=7),
        index=index,
        replicas=(1, 2),
        isr=(1,),
        leader=1,
        leader_epoch=3,
        partition_epoch=5,
        adding=(2,),
        removing=(1,),
    )


def filled(state: ControllerState) -> ControllerState:
    node = Node(node_id=1, host="h", port=9092, epoch=2, fenced=False)
    topic = Topic(
        name="logs",
        topic_id=UUID(int=7),
        configs={"retention.ms": "5"},
        partitions=(partition_of("logs", 0), partition_of("logs", 1)),
    )
    cluster = replace(
        state.cluster, version=state.cluster.version + 1, nodes={1: node}, topics={"logs": topic}
    )
    registration = Registration(incarnation=UUID(int=1), directory_id=UUID(int=2))
    return replace(state, cluster=cluster, registrations={1: registration}, next_producer_id=1000)


def next_version(state: ControllerState) -> ControllerState:
    return replace(state, cluster=replace(state.cluster, version=state.cluster.version + 1))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MetadataStore]:
    opened = MetadataStore(tmp_path / "controller")
    opened.create(FIRST)
    yield opened
    opened.close()


def test_a_new_directory_holds_nothing_yet(tmp_path: Path) -> None:
    store = MetadataStore(tmp_path / "deep" / "controller")

    assert store.read() is None
    store.close()


def test_what_was_committed_is_read_by_the_next_process(tmp_path: Path) -> None:
    store = MetadataStore(tmp_path)
    store.create(FIRST)
    state = filled(FIRST)
    store.commit(FIRST, state)
    store.close()

    again = MetadataStore(tmp_path)

    assert again.read() == state
    again.close()


def test_changes_of_every_kind_are_written(store: MetadataStore) -> None:
    state = filled(FIRST)
    store.commit(FIRST, state)
    topic = state.cluster.topics["logs"]
    moved = replace(topic.partitions[0], leader=2, partition_epoch=6)
    grown = replace(
        topic,
        configs={},
        partitions=(moved, topic.partitions[1], partition_of("logs", 2)),
    )
    other = replace(topic, name="other", topic_id=UUID(int=8), partitions=())
    other = replace(other, partitions=(replace(partition_of("other", 0), topic_id=UUID(int=8)),))
    changed = next_version(state.with_topics({"logs": grown, "other": other}))
    store.commit(state, changed)

    assert store.read() == changed

    gone = next_version(changed.with_topics({}, deleted=["other"]))
    store.commit(changed, gone)

    assert store.read() == gone


def test_a_topic_made_anew_under_its_name_replaces_the_old_one(store: MetadataStore) -> None:
    state = filled(FIRST)
    store.commit(FIRST, state)
    new_id = UUID(int=9)
    anew = Topic(
        name="logs",
        topic_id=new_id,
        configs={},
        partitions=(replace(partition_of("logs", 0), topic_id=new_id, partition_epoch=0),),
    )
    changed = next_version(state.with_topics({"logs": anew}))

    store.commit(state, changed)

    assert store.read() == changed


def with_policy(state: ControllerState, entries: dict[str, str]) -> ControllerState:
    version = state.cluster.version + 1
    policy = PolicyEntries(version=version, entries=entries)
    return replace(state, cluster=replace(state.cluster, version=version, policy=policy))


def test_the_policy_is_kept_entry_by_entry(store: MetadataStore) -> None:
    first = with_policy(FIRST, {"a": "1", "b": "2", "c": "3"})
    store.commit(FIRST, first)
    assert store.read() == first
    written = store._database.total_changes

    second = with_policy(first, {"a": "1", "b": "4", "d": "5"})
    store.commit(first, second)

    assert store.read() == second
    assert store._database.total_changes - written == 4  # and the version


def test_a_policy_changed_by_somebody_else_is_not_overwritten(store: MetadataStore) -> None:
    first = with_policy(FIRST, {"a": "1"})
    store.commit(FIRST, first)
    other = PolicyEntries(version=1, entries={})
    believed = replace(first, cluster=replace(first.cluster, policy=other))

    with pytest.raises(StorageError, match="another controller"):
        store.commit(believed, with_policy(believed, {"b": "2"}))

    assert store.read() == first


def test_a_database_without_a_policy_is_migrated(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.executescript(metadata_store._SCHEMA + "PRAGMA user_version = 1;")
    database.execute("INSERT INTO cluster VALUES (0, 'c', 7, 1000, 'b')")
    database.commit()
    database.close()
    (tmp_path / FILE_NAME).chmod(0o644)

    store = MetadataStore(tmp_path)

    state = store.read()
    assert state is not None
    assert (state.cluster.version, state.next_producer_id) == (7, 1000)
    assert state.cluster.policy == PolicyEntries()
    changed = with_policy(state, {"a": "1"})
    store.commit(state, changed)
    assert store.read() == changed
    store.close()
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    again = MetadataStore(tmp_path)
    assert again.read() == changed
    again.close()


def test_a_decision_from_an_old_state_is_not_committed(store: MetadataStore) -> None:
    store.commit(FIRST, filled(FIRST))

    with pytest.raises(StorageError, match="another controller"):
        store.commit(FIRST, filled(FIRST))

    assert store.is_failed
    assert store.read() == filled(FIRST)


def test_a_partition_changed_by_somebody_else_is_not_overwritten(store: MetadataStore) -> None:
    state = filled(FIRST)
    store.commit(FIRST, state)
    topic = state.cluster.topics["logs"]
    wrong = replace(topic, partitions=(replace(topic.partitions[0], partition_epoch=77),) * 2)
    believed = state.with_topics({"logs": wrong})
    decided = next_version(
        believed.with_partitions([replace(wrong.partitions[0], partition_epoch=78)])
    )

    with pytest.raises(StorageError, match="partition 0 of logs"):
        store.commit(believed, decided)

    assert store.read() == state


def test_one_process_at_a_time_owns_the_file(store: MetadataStore, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="locked"):
        MetadataStore(tmp_path / "controller")


def test_a_later_schema_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    database = sqlite3.connect(tmp_path / "later" / FILE_NAME)
    database.execute("PRAGMA user_version = 99")
    database.close()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / FILE_NAME).write_bytes(b"not a database" * 100)

    with pytest.raises(StorageError, match="schema 99"):
        MetadataStore(tmp_path / "later")
    with pytest.raises(StorageError, match="cannot be opened"):
        MetadataStore(tmp_path / "broken")


def test_a_full_disk_costs_the_decision_and_not_the_store(store: MetadataStore) -> None:
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    state = filled(FIRST)
    topic = state.cluster.topics["logs"]
    huge = replace(topic, configs={"x": "y" * 100_000})

    with pytest.raises(StorageError, match="full"):
        store.commit(FIRST, state.with_topics({"logs": huge}))

    assert not store.is_failed
    store._database.execute("PRAGMA max_page_count = 1000000")
    store.commit(FIRST, state)
    assert store.read() == state
