"""The list of topics on disk."""

from pathlib import Path
from uuid import UUID

import pytest

from broker_core.errors import StorageError
from broker_core.log import topics_file
from broker_core.log.file_layout import TOPICS
from broker_core.log.topic_config import TopicConfig

TOPIC = TopicConfig(
    name="events.log", topic_id=UUID(int=7), partitions=3, config={"retention.ms": "1"}
)
OTHER = TopicConfig(name="raw", topic_id=UUID(int=8), partitions=1, config={})


def test_reads_what_was_written(tmp_path: Path) -> None:
    topics_file.write(tmp_path, {"events.log": TOPIC}, {"raw": OTHER})

    assert topics_file.read(tmp_path) == ({"events.log": TOPIC}, {"raw": OTHER})


def test_a_new_directory_has_no_topics(tmp_path: Path) -> None:
    assert topics_file.read(tmp_path) == ({}, {})


def test_a_list_that_is_gone_while_there_are_records_is_no_new_directory(tmp_path: Path) -> None:
    (tmp_path / "events-0").mkdir()
    (tmp_path / "events-0" / "00000000000000000000.log").touch()

    with pytest.raises(StorageError, match="restore the file from a backup"):
        topics_file.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"topics": {}}',
        b'{"topics": {"a": {}}, "deleting": {}}',
        b'{"topics": {"a": {"topic_id": "?", "partitions": 1, "config": {}}}, "deleting": {}}',
        b'{"topics": {"a": {"topic_id": "?", "partitions": "1", "config": {}}}, "deleting": {}}',
    ],
)
def test_an_unreadable_list_stops_the_broker_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / TOPICS).write_bytes(content)

    with pytest.raises(StorageError, match="restore it from a backup"):
        topics_file.read(tmp_path)
