"""A log directory that holds what a cluster's controller says."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from broker_core.errors import InvalidConfig, StorageError
from broker_core.log.log_directory import LogDirectory
from broker_core.log.topic_config import TopicConfig
from broker_core.settings import LogSettings
from tests.support.partition import TurnedClock, batch, open_directory, sync

Open = Callable[[], LogDirectory]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Open the directory, as after a crash if it was open."""
    directories: list[LogDirectory] = []

    def opened() -> LogDirectory:
        for directory in directories:
            directory.let_go()
        directories.append(LogDirectory(tmp_path, LogSettings(), TurnedClock(), is_replicated=True))
        return directories[-1]

    yield opened
    directories[-1].let_go()


def wanted(
    *numbers: int, name: str = "events", topic: int = 1, config: dict[str, str] | None = None
) -> dict[str, TopicConfig]:
    """These partitions of a topic of eight."""
    return {
        name: TopicConfig(
            name=name,
            topic_id=UUID(int=topic),
            partitions=8,
            config=config or {},
            held=frozenset(numbers),
        )
    }


def directories(path: Path) -> set[str]:
    return {each.name for each in path.iterdir() if each.is_dir()}


def written(logs: LogDirectory, number: int, name: str = "events") -> None:
    log = logs.get(name, number)
    assert log is not None
    log.append(batch(b"x"))
    sync(log)


def ends(logs: LogDirectory) -> dict[tuple[str, int], int]:
    return {key: log.end_offset for key, log in logs.partitions().items()}


def test_it_holds_some_partitions_of_a_topic_also_after_a_crash(opened: Open) -> None:
    logs = opened()
    logs.hold(wanted(1, 5))
    written(logs, 5)

    again = opened()

    assert ends(again) == {("events", 1): 0, ("events", 5): 1}
    assert dict(again.topics()) == wanted(1, 5)


def test_partitions_come_and_go_and_the_others_stay(opened: Open, tmp_path: Path) -> None:
    logs = opened()
    logs.hold({**wanted(1, 5), **wanted(0, name="other", topic=2)})
    written(logs, 1)
    written(logs, 5)
    gone = logs.get("events", 1)

    logs.hold(wanted(5, 6))

    assert ends(logs) == {("events", 5): 1, ("events", 6): 0}
    assert gone is not None
    assert gone.is_deleted
    assert directories(tmp_path) == {"events-5", "events-6"}
    assert ends(opened()) == {("events", 5): 1, ("events", 6): 0}


def test_a_topic_made_anew_under_its_name_is_empty(opened: Open) -> None:
    logs = opened()
    logs.hold(wanted(5))
    written(logs, 5)

    logs.hold(wanted(5, topic=2))

    assert ends(logs) == {("events", 5): 0}
    assert logs.topics()["events"].topic_id == UUID(int=2)


def test_settings_follow(opened: Open) -> None:
    logs = opened()
    logs.hold(wanted(5))

    logs.hold(wanted(5, config={"min.insync.replicas": "2"}))

    log = logs.get("events", 5)
    assert log is not None
    assert log.config.min_insync_replicas == 2
    with pytest.raises(InvalidConfig):
        logs.hold(wanted(5, config={"unknown": "2"}))
    assert log.config.min_insync_replicas == 2


def test_nothing_to_change_writes_nothing(opened: Open, tmp_path: Path) -> None:
    logs = opened()
    logs.hold(wanted(5))
    before = (tmp_path / "topics.json").stat().st_mtime_ns

    logs.hold(wanted(5))

    assert (tmp_path / "topics.json").stat().st_mtime_ns == before


def test_the_directory_of_a_node_that_is_alone_is_refused_and_the_other_way_round(
    opened: Open, tmp_path: Path
) -> None:
    open_directory(tmp_path / "alone").let_go()
    opened()

    with pytest.raises(StorageError, match="of a node that is alone"):
        LogDirectory(tmp_path / "alone", LogSettings(), TurnedClock(), is_replicated=True)
    opened().let_go()
    with pytest.raises(StorageError, match="of a cluster's node"):
        open_directory(tmp_path)
