"""All partitions of a broker: open, make, delete, close; and the topics they belong to.

One process at a time owns a directory (``flock``). The topics are a small file replaced
atomically, and that file decides: a topic exists once it names it, and is being deleted once it
says so. A marker left by an orderly close spares the next start from scanning.

Everything here blocks on the disk: open before serving, make and delete topics in a thread
(``asyncio.to_thread``). Look-ups are for the event loop and never wait.
"""

import base64
import fcntl
import json
import shutil
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO
from uuid import uuid4

import structlog

from broker_core.clock import Clock
from broker_core.errors import (
    InvalidPartitions,
    StorageError,
    TopicAlreadyExists,
    UnknownTopicOrPartition,
)
from broker_core.log import file_layout, topics_file
from broker_core.log.checkpoint import replace_file, sync_directory
from broker_core.log.fault import Fault
from broker_core.log.open_files import OpenFiles
from broker_core.log.partition_log import PartitionLog
from broker_core.log.replicated_log import ReplicatedLog
from broker_core.log.topic_config import TopicConfig, read_log_config
from broker_core.settings import LogSettings

log = structlog.get_logger()

Partitions = Mapping[tuple[str, int], PartitionLog]


class LogDirectory:
    """The log directory of one broker.

    Attributes:
        path: Where it lies.
        cluster_id: Made once, 22 characters, as Kafka's; of no meaning for a cluster's node.
        was_clean: Whether it had been closed in order when it was opened.
        fault: Whether it is in service; what GroupCommit needs.
        settings: What topics do not set for themselves.
    """

    def __init__(
        self, path: Path, settings: LogSettings, clock: Clock, *, is_replicated: bool = False
    ) -> None:
        """Open the directory and recover every partition in it; blocks.

        Args:
            is_replicated: Whether it is that of a cluster's node: it holds what :meth:`hold` says.

        Raises:
            StorageError: It is in use, unreadable, of another format, or has partitions but no
                list of topics. The message says which, and what to do.
        """
        self.path = path
        self.settings = settings
        self.fault = Fault()
        self._clock = clock
        self._is_replicated = is_replicated
        self._files = OpenFiles(settings.open_segment_files)
        self._changing = threading.Lock()
        self._retired: deque[PartitionLog] = deque()
        self._lock_file = _lock(path)
        try:
            self.cluster_id = _identity(path, is_replicated=is_replicated)
            self._topics: Mapping[str, TopicConfig] = self._finish_deletions()
            self._logs: Partitions = self._open_partitions()
        except BaseException as error:
            self._files.close()
            self._lock_file.close()
            if isinstance(error, OSError):
                raise StorageError(f"cannot open {path}: {error}") from error
            raise

    # -- looking up

    def topics(self) -> Mapping[str, TopicConfig]:
        """Return every topic by name."""
        return self._topics

    def partitions(self) -> Partitions:
        """Return every partition by (topic, number)."""
        self._release_retired()
        return self._logs

    def get(self, topic: str, partition: int) -> PartitionLog | None:
        """Return one partition, or None if there is none."""
        if self._retired:
            self._release_retired()
        return self._logs.get((topic, partition))

    @staticmethod
    def is_internal(topic: str) -> bool:
        """Whether only the broker itself writes to the topic."""
        return topic in file_layout.INTERNAL_TOPICS

    # -- changing; in a thread

    def create_topic(self, name: str, partitions: int, config: Mapping[str, str]) -> TopicConfig:
        """Make a topic with empty partitions; it is durable when this returns.

        Raises:
            InvalidTopic, InvalidPartitions, InvalidConfig: What was asked for is not possible.
            TopicAlreadyExists: There is one of that name.
            StorageError: The disk refused; nothing was made.
        """
        file_layout.check_topic_name(name)
        read_log_config(config, self.settings)
        if partitions < 1:
            raise InvalidPartitions(f"{partitions} partitions; at least 1 is needed")
        topic = TopicConfig(name=name, topic_id=uuid4(), partitions=partitions, config=dict(config))
        with self._changing:
            self.fault.check()
            if name in self._topics:
                raise TopicAlreadyExists(f"topic {name} exists")
            self._add({name: topic}, {name: range(partitions)})
        log.info("topic_created", topic=name, partitions=partitions, config=topic.config)
        return topic

    def add_partitions(self, name: str, partitions: int) -> TopicConfig:
        """Let a topic have ``partitions`` partitions, more than it has now.

        Raises:
            UnknownTopicOrPartition: There is no such topic.
            InvalidPartitions: It has as many already.
            StorageError: The disk refused; nothing was made.
        """
        with self._changing:
            self.fault.check()
            topic = self._existing(name)
            if partitions <= topic.partitions:
                raise InvalidPartitions(f"{name} has {topic.partitions} partitions already")
            grown = TopicConfig(
                name=name, topic_id=topic.topic_id, partitions=partitions, config=topic.config
            )
            self._add({name: grown}, {name: range(topic.partitions, partitions)})
        log.info("partitions_added", topic=name, partitions=partitions, before=topic.partitions)
        return grown

    def alter_topic(self, name: str, config: Mapping[str, str]) -> TopicConfig:
        """Replace what a topic sets for itself.

        Raises:
            UnknownTopicOrPartition, InvalidConfig: There is no such topic or setting.
            StorageError: The disk refused; nothing was changed.
        """
        resolved = read_log_config(config, self.settings)
        with self._changing:
            self.fault.check()
            topic = self._existing(name)
            altered = TopicConfig(
                name=name,
                topic_id=topic.topic_id,
                partitions=topic.partitions,
                config=dict(config),
            )
            self._write_topics({**self._topics, name: altered})
            self._topics = {**self._topics, name: altered}
            for partition in range(topic.partitions):
                self._logs[name, partition].config = resolved
        log.info("topic_altered", topic=name, config=altered.config, before=topic.config)
        return altered

    def delete_topic(self, name: str) -> None:
        """Remove a topic and its records for good.

        Raises:
            UnknownTopicOrPartition: There is no such topic.
            StorageError: The disk refused.
        """
        with self._changing:
            topic = self._existing(name)
            remaining = {key: value for key, value in self._topics.items() if key != name}
            self._write_topics(remaining, deleting={name: topic})
            self._topics = remaining
            self._remove([topic])
            self._write_topics(remaining)
        log.info("topic_deleted", topic=name)

    def hold(self, wanted: Mapping[str, TopicConfig]) -> None:
        """Hold exactly these partitions of these topics, as a cluster's node is told to.

        A topic of the same name with another id is another topic: the old one is removed.

        Raises:
            InvalidConfig: A topic sets what this node does not know.
            StorageError: The disk refused; what was done is kept, call again for the rest.
        """
        configs = {
            name: read_log_config(topic.config, self.settings) for name, topic in wanted.items()
        }
        with self._changing:
            self.fault.check()
            kept: dict[str, TopicConfig] = {}
            gone: list[TopicConfig] = []
            for name, topic in self._topics.items():
                target = wanted.get(name)
                stays: frozenset[int] = frozenset()
                if target is not None and target.topic_id == topic.topic_id:
                    stays = topic.numbers & target.numbers
                    kept[name] = replace(topic, held=stays)
                if stays != topic.numbers:
                    gone.append(replace(topic, held=topic.numbers - stays))
            if gone:
                self._write_topics(kept, deleting={topic.name: topic for topic in gone})
                self._topics = kept
                self._remove(gone)
            if gone or dict(wanted) != self._topics:
                here = {name: topic.numbers for name, topic in kept.items()}
                self._add(
                    wanted,
                    {
                        name: topic.numbers - here.get(name, frozenset())
                        for name, topic in wanted.items()
                    },
                )
                for (name, _), partition in self._logs.items():
                    partition.config = configs[name]

    def close(self) -> None:
        """Make everything durable and leave the marker of an orderly close; blocks."""
        try:
            for partition in self._logs.values():
                if self.fault.reason is None:
                    partition.close()
            if self.fault.reason is None:
                replace_file(self.path / file_layout.CLEAN_SHUTDOWN, b"")
        except OSError as error:
            log.error("log_directory_close_failed", error=str(error))
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Give the directory up as it is; without :meth:`close`, that is a crash."""
        self._release_retired()
        for partition in self._logs.values():
            partition.release()
        self._files.close()
        self._lock_file.close()

    # -- inside

    def _existing(self, name: str) -> TopicConfig:
        topic = self._topics.get(name)
        if topic is None:
            raise UnknownTopicOrPartition(f"there is no topic {name}")
        return topic

    def _release_retired(self) -> None:
        """Close files of deleted topics here, on the loop, where nobody is reading them now."""
        while self._retired:
            self._retired.popleft().release()

    def _add(self, topics: Mapping[str, TopicConfig], numbers: Mapping[str, Iterable[int]]) -> None:
        """Make partitions of topics, then let the list of topics name them."""
        made: dict[tuple[str, int], PartitionLog] = {}
        named = {**self._topics, **topics}
        try:
            for name, topic in topics.items():
                for number in numbers[name]:
                    directory = self.path / file_layout.partition_directory(name, number)
                    shutil.rmtree(directory, ignore_errors=True)  # left by a crash before the list
                    directory.mkdir()
                    made[name, number] = self._open(topic, number, clean=False)
            sync_directory(self.path)
            self._write_topics(named)
        except OSError as error:
            for partition in made.values():
                partition.release()
            raise StorageError(f"cannot make {', '.join(topics)}: {error}") from error
        self._logs = {**self._logs, **made}
        self._topics = named

    def _remove(self, topics: Sequence[TopicConfig]) -> None:
        """Close and remove partitions that the list of topics says are on their way out."""
        doomed = {(topic.name, number) for topic in topics for number in topic.numbers}
        logs = [log for key, log in self._logs.items() if key in doomed]
        self._logs = {key: value for key, value in self._logs.items() if key not in doomed}
        for partition in logs:
            partition.is_deleted = True
        self._retired.extend(logs)
        for topic in topics:
            self._remove_directories(topic)

    def _open(self, topic: TopicConfig, number: int, *, clean: bool) -> PartitionLog:
        opened = ReplicatedLog if self._is_replicated else PartitionLog
        return opened(
            self.path / file_layout.partition_directory(topic.name, number),
            topic=topic.name,
            partition=number,
            config=read_log_config(topic.config, self.settings),
            settings=self.settings,
            clock=self._clock,
            files=self._files,
            fault=self.fault,
            clean=clean,
        )

    def _open_partitions(self) -> Partitions:
        marker = self.path / file_layout.CLEAN_SHUTDOWN
        self.was_clean = clean = marker.exists()
        marker.unlink(missing_ok=True)
        sync_directory(self.path)
        for topic in self._topics.values():
            for number in topic.numbers:
                directory = self.path / file_layout.partition_directory(topic.name, number)
                if not directory.is_dir():
                    log.error("partition_directory_missing", directory=str(directory))
                    directory.mkdir()
        logs = {
            (topic.name, number): self._open(topic, number, clean=clean)
            for topic in self._topics.values()
            for number in topic.numbers
        }
        log.info("log_directory_opened", path=str(self.path), partitions=len(logs), clean=clean)
        return logs

    def _finish_deletions(self) -> Mapping[str, TopicConfig]:
        topics, deleting = topics_file.read(self.path)
        for topic in deleting.values():
            self._remove_directories(topic)
        if deleting:
            self._write_topics(topics)
        for directory in self.path.glob(f"*{file_layout.DELETED_SUFFIX}"):
            shutil.rmtree(directory, ignore_errors=True)
        return topics

    def _remove_directories(self, topic: TopicConfig) -> None:
        for number in topic.numbers:
            directory = self.path / file_layout.partition_directory(topic.name, number)
            if directory.exists():
                directory.rename(self.path / f"{uuid4().hex}{file_layout.DELETED_SUFFIX}")
        sync_directory(self.path)
        for directory in self.path.glob(f"*{file_layout.DELETED_SUFFIX}"):
            shutil.rmtree(directory, ignore_errors=True)

    def _write_topics(
        self,
        topics: Mapping[str, TopicConfig],
        deleting: Mapping[str, TopicConfig] | None = None,
    ) -> None:
        try:
            topics_file.write(self.path, topics, deleting or {})
        except OSError as error:
            raise StorageError(f"cannot write the list of topics: {error}") from error


def is_replicated(path: Path) -> bool | None:
    """Whether a directory is that of a cluster's node; None if it is nobody's yet.

    Raises:
        StorageError: It cannot be read.
    """
    try:
        content = json.loads((path / file_layout.IDENTITY).read_bytes())
        return bool(content["format_version"] == file_layout.REPLICATED_FORMAT_VERSION)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error


def _lock(path: Path) -> IO[bytes]:
    """Take the directory for this process, making it if need be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / file_layout.LOCK).open("ab")
    except OSError as error:
        raise StorageError(f"cannot use {path} as a log directory: {error}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StorageError(
            f"{path} is in use by another broker; stop it or choose another directory"
        ) from None
    return file


def _identity(path: Path, *, is_replicated: bool) -> str:
    """Return the cluster id, made when the directory is new."""
    file = path / file_layout.IDENTITY
    alone, replicated = file_layout.FORMAT_VERSION, file_layout.REPLICATED_FORMAT_VERSION
    wanted = replicated if is_replicated else alone
    if not file.exists():
        made = base64.urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode()
        content = {"format_version": wanted, "cluster_id": made}
        replace_file(file, json.dumps(content, indent=1).encode() + b"\n")
        return made
    try:
        content = json.loads(file.read_bytes())
        version, cluster_id = content["format_version"], content["cluster_id"]
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{file} cannot be read; restore it from a backup") from error
    if {version, wanted} == {alone, replicated}:
        whose = "a node that is alone" if is_replicated else "a cluster's node"
        raise StorageError(f"{path} is the log directory of {whose}; choose another")
    if version != wanted:
        raise StorageError(
            f"{path} has format version {version}, this broker reads "
            f"{wanted}; use the release that wrote it or a later one"
        )
    return str(cluster_id)
