"""All partitions of a broker: made, grown, deleted, found again."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from broker_core.errors import (
    InvalidConfig,
    InvalidPartitions,
    InvalidTopic,
    StorageError,
    TopicAlreadyExists,
    UnknownTopicOrPartition,
)
from broker_core.log import topics_file
from broker_core.log.file_layout import CLEAN_SHUTDOWN, CONSUMER_OFFSETS, IDENTITY
from broker_core.log.log_directory import LogDirectory
from tests.support.partition import batch, open_directory, reopened, sync, topic, values


def test_the_cluster_id_is_made_once(tmp_path: Path) -> None:
    first = open_directory(tmp_path)
    cluster_id = first.cluster_id
    first.close()

    second = open_directory(tmp_path)

    assert second.cluster_id == cluster_id
    assert len(cluster_id) == 22
    second.close()


def test_topics_are_there_again_after_a_restart(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    made = logs.create_topic("events.log", 3, {"retention.ms": "5"})
    logs.close()

    logs = open_directory(tmp_path)

    assert logs.topics() == {"events.log": made}
    assert sorted(logs.partitions()) == [("events.log", number) for number in range(3)]
    assert logs.get("events.log", 3) is None
    assert logs.get("other", 0) is None
    log = logs.get("events.log", 2)
    assert log is not None
    assert log.config.retention_ms == 5
    logs.close()


def test_a_second_broker_is_told_who_has_the_directory(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)

    with pytest.raises(StorageError, match="in use by another broker"):
        open_directory(tmp_path)

    logs.close()
    open_directory(tmp_path).close()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match=r"cannot use .*file"):
        open_directory(tmp_path / "file")


def test_a_disk_that_cannot_be_read_is_named_and_the_lock_given_back(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    log = topic(logs)
    logs.let_go()
    path = log.segments[0].path
    path.unlink()
    path.mkdir()

    with pytest.raises(StorageError, match=r"cannot open .*directory"):
        open_directory(tmp_path)

    path.rmdir()
    open_directory(tmp_path).close()


def test_a_later_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    open_directory(tmp_path).close()
    identity = json.loads((tmp_path / IDENTITY).read_text())
    (tmp_path / IDENTITY).write_text(json.dumps(identity | {"format_version": 99}))

    with pytest.raises(StorageError, match=r"format version 99.*later one"):
        open_directory(tmp_path)


def test_an_unreadable_identity_is_refused(tmp_path: Path) -> None:
    (tmp_path / IDENTITY).write_text("?")

    with pytest.raises(StorageError, match="restore it from a backup"):
        open_directory(tmp_path)


def test_what_was_asked_for_must_be_possible(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    logs.create_topic("events", 1, {})

    with pytest.raises(TopicAlreadyExists):
        logs.create_topic("events", 1, {})
    with pytest.raises(InvalidTopic):
        logs.create_topic("../etc", 1, {})
    with pytest.raises(InvalidPartitions):
        logs.create_topic("other", 0, {})
    with pytest.raises(InvalidConfig):
        logs.create_topic("other", 1, {"colour": "red"})
    with pytest.raises(UnknownTopicOrPartition):
        logs.delete_topic("other")
    with pytest.raises(UnknownTopicOrPartition):
        logs.alter_topic("other", {})
    assert list(logs.topics()) == ["events"]
    logs.close()


def test_a_topic_can_grow_but_not_shrink(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    log = topic(logs)
    log.append(batch(b"a"))
    sync(log)

    logs.add_partitions("events", 3)

    assert logs.topics()["events"].partitions == 3
    assert values(reopened(logs)) == [b"a"]
    with pytest.raises(InvalidPartitions):
        logs.add_partitions("events", 2)
    logs.close()


def test_a_changed_configuration_counts_at_once_and_after_a_restart(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    log = topic(logs)

    logs.alter_topic("events", {"retention.ms": "77"})

    assert log.config.retention_ms == 77
    logs.close()
    logs = open_directory(tmp_path)
    assert reopened(logs).config.retention_ms == 77
    logs.close()


def test_a_deleted_topic_is_gone_and_its_name_is_free(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    log = topic(logs)
    log.append(batch(b"old"))
    sync(log)

    logs.delete_topic("events")

    assert logs.get("events", 0) is None
    assert not log.directory.exists()
    assert values(topic(logs)) == []
    logs.close()


def test_a_deletion_that_was_interrupted_is_finished(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    doomed = topic(logs)
    logs.create_topic("kept", 1, {})
    topics = dict(logs.topics())
    logs.close()
    topics_file.write(tmp_path, {"kept": topics["kept"]}, {"events": topics["events"]})
    (tmp_path / "cafe.deleted").mkdir()

    logs = open_directory(tmp_path)

    assert list(logs.topics()) == ["kept"]
    assert not doomed.directory.exists()
    assert not (tmp_path / "cafe.deleted").exists()
    assert topics_file.read(tmp_path)[1] == {}
    logs.close()


def test_what_a_crash_left_of_a_topic_never_made_is_not_its_content(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    log = topic(logs)
    log.append(batch(b"of a topic the list does not name"))
    logs.let_go()
    topics_file.write(tmp_path, {}, {})

    logs = open_directory(tmp_path)

    assert values(topic(logs)) == []
    logs.close()


def test_a_missing_partition_directory_is_made_anew(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    log = topic(logs)
    logs.close()
    for path in log.directory.iterdir():
        path.unlink()
    log.directory.rmdir()

    logs = open_directory(tmp_path)

    assert reopened(logs).end_offset == 0
    logs.close()


def test_only_an_orderly_close_leaves_the_marker_and_opening_takes_it(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    logs.let_go()
    assert not (tmp_path / CLEAN_SHUTDOWN).exists()

    logs = open_directory(tmp_path)
    logs.close()
    assert (tmp_path / CLEAN_SHUTDOWN).exists()

    logs = open_directory(tmp_path)
    assert not (tmp_path / CLEAN_SHUTDOWN).exists()
    logs.let_go()


def test_a_full_disk_makes_no_topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = open_directory(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(topics_file, "replace_file", refuse)
    with pytest.raises(StorageError, match="No space left"):
        logs.create_topic("events", 2, {})
    monkeypatch.undo()

    assert logs.get("events", 0) is None
    assert values(topic(logs)) == []
    logs.close()


def test_the_brokers_own_topics_are_known() -> None:
    assert LogDirectory.is_internal(CONSUMER_OFFSETS)
    assert not LogDirectory.is_internal("events.log")


def test_every_change_of_a_topic_is_a_line_in_the_log(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)

    with capture_logs() as lines:
        logs.create_topic("raw.app", 1, {"retention.ms": "5"})
        logs.add_partitions("raw.app", 3)
        logs.alter_topic("raw.app", {"retention.ms": "7"})
        logs.delete_topic("raw.app")
        with pytest.raises(UnknownTopicOrPartition):
            logs.delete_topic("raw.app")

    told = [{key: one[key] for key in one if key not in ("log_level", "topic")} for one in lines]
    assert {one["topic"] for one in lines} == {"raw.app"}
    assert told == [
        {"event": "topic_created", "partitions": 1, "config": {"retention.ms": "5"}},
        {"event": "partitions_added", "partitions": 3, "before": 1},
        {
            "event": "topic_altered",
            "config": {"retention.ms": "7"},
            "before": {"retention.ms": "5"},
        },
        {"event": "topic_deleted"},
    ]
    logs.close()
