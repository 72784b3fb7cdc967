"""MetadataStore: the controller's state in SQLite; what is committed there has happened.

One process at a time owns the file. Every decision is one transaction that writes what differs
between two states, and is compared and swapped: the version in the file must be the one that the
decision was made from, and so must every partition's epoch. WAL with ``synchronous=FULL``: a commit
that returned is on disk. A file of a later schema is refused, an earlier one is migrated in one
transaction. What is kept of passwords is in it, so it is readable by its owner alone.

Schemas: 1, without a policy; 2.

Everything here blocks on the disk: for a thread, one call at a time.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from broker_core.errors import StorageError
from broker_core.replication.cluster_state import (
    ClusterState,
    Node,
    Partition,
    PolicyEntries,
    Topic,
)
from broker_core.replication.controller_state import ControllerState, Registration
from broker_core.replication.state_messages import changed_entries, removed_entries

SCHEMA_VERSION = 2
FILE_NAME = "metadata.sqlite3"
_SCHEMA = """
CREATE TABLE cluster (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    cluster_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    next_producer_id INTEGER NOT NULL,
    boot_id TEXT NOT NULL
) STRICT;
CREATE TABLE nodes (
    node_id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    fenced INTEGER NOT NULL,
    incarnation TEXT NOT NULL,
    directory_id TEXT NOT NULL
) STRICT;
CREATE TABLE topics (
    name TEXT PRIMARY KEY,
    topic_id TEXT NOT NULL UNIQUE,
    configs TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE partitions (
    topic TEXT NOT NULL REFERENCES topics (name) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    replicas TEXT NOT NULL,
    isr TEXT NOT NULL,
    leader INTEGER NOT NULL,
    leader_epoch INTEGER NOT NULL,
    partition_epoch INTEGER NOT NULL,
    adding TEXT NOT NULL,
    removing TEXT NOT NULL,
    PRIMARY KEY (topic, number)
) STRICT, WITHOUT ROWID;
"""
_FROM_1_TO_2 = """
ALTER TABLE cluster ADD COLUMN policy_version INTEGER NOT NULL DEFAULT 0;
CREATE TABLE policy (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
_STEPS = (_SCHEMA, _FROM_1_TO_2)  # what leads to the schema of that number, plus one


_Run = Callable[..., sqlite3.Cursor]


class MetadataStore:
    """The controller's database.

    Attributes:
        is_failed: Nobody can know whether the last transaction is on disk: open it anew.
    """

    def __init__(self, directory: Path) -> None:
        """Open the database, or make it with an empty cluster table.

        Raises:
            StorageError: It is in use, cannot be read, or is of a later schema.
        """
        self.is_failed = False
        self._path = directory / FILE_NAME
        with self._translated("opened"):
            directory.mkdir(parents=True, exist_ok=True)
            _make_private(self._path)
            self._database = sqlite3.connect(
                self._path, isolation_level=None, timeout=1, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def _prepare(self) -> None:
        run = self._database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA foreign_keys = ON")
        (version,) = run("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StorageError(f"{self._path} has schema {version}, this program {SCHEMA_VERSION}")
        run("BEGIN EXCLUSIVE")  # with the exclusive mode, nobody else from here on
        for step in _STEPS[version:]:
            for statement in step.split(";\n"):
                run(statement)
        run(f"PRAGMA user_version = {SCHEMA_VERSION}")
        run("COMMIT")

    def close(self) -> None:
        """Let the file go."""
        self._database.close()

    def read(self) -> ControllerState | None:
        """Return the state as it was committed last; None if there has never been one.

        Raises:
            StorageError: The file cannot be read.
        """
        with self._translated("read"):
            found = self._database.execute(
                "SELECT cluster_id, version, next_producer_id, boot_id, policy_version FROM cluster"
            ).fetchone()
            if found is None:
                return None
            cluster_id, version, next_producer_id, boot_id, policy_version = found
            nodes, registrations = self._nodes()
            cluster = ClusterState(
                version=version,
                cluster_id=cluster_id,
                nodes=nodes,
                topics=self._topics(),
                policy=self._policy(policy_version),
            )
            return ControllerState(
                cluster=cluster,
                registrations=registrations,
                next_producer_id=next_producer_id,
                boot_id=boot_id,
            )

    def create(self, state: ControllerState) -> None:
        """Commit the first state, which has neither nodes nor topics nor a policy.

        Raises:
            StorageError: Nothing was committed.
        """
        with self._transaction() as run:
            run(
                "INSERT INTO cluster VALUES (0, ?, ?, ?, ?, 0)",
                (
                    state.cluster.cluster_id,
                    state.cluster.version,
                    state.next_producer_id,
                    state.boot_id,
                ),
            )

    def commit(self, old: ControllerState, new: ControllerState) -> None:
        """Make ``new`` the state, if ``old`` is what the file holds.

        Raises:
            StorageError: Nothing was committed, or the disk failed and nobody can know.
        """
        with self._transaction() as run:
            swapped = run(
                "UPDATE cluster SET version = ?, next_producer_id = ?, boot_id = ?,"
                " policy_version = ? WHERE version = ? AND policy_version = ?",
                (
                    new.cluster.version,
                    new.next_producer_id,
                    new.boot_id,
                    new.cluster.policy.version,
                    old.cluster.version,
                    old.cluster.policy.version,
                ),
            )
            _expect_one(swapped, "the version")
            self._write_nodes(run, old, new)
            self._write_topics(run, old.cluster.topics, new.cluster.topics)
            before, after = old.cluster.policy.entries, new.cluster.policy.entries
            for entry in changed_entries(before, after):
                run("INSERT OR REPLACE INTO policy VALUES (?, ?)", entry)
            for key in removed_entries(before, after):
                run("DELETE FROM policy WHERE key = ?", (key,))

    def _write_nodes(self, run: _Run, old: ControllerState, new: ControllerState) -> None:
        for node_id, node in new.cluster.nodes.items():
            registration = new.registrations[node_id]
            if (
                old.cluster.nodes.get(node_id) is node
                and old.registrations[node_id] is registration
            ):
                continue
            run(
                "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    node_id,
                    node.host,
                    node.port,
                    node.epoch,
                    int(node.fenced),
                    str(registration.incarnation),
                    str(registration.directory_id),
                ),
            )

    def _write_topics(self, run: _Run, old: Mapping[str, Topic], new: Mapping[str, Topic]) -> None:
        for name, before in old.items():
            after = new.get(name)
            if after is None or after.topic_id != before.topic_id:
                run("DELETE FROM topics WHERE name = ?", (name,))
        for name, topic in new.items():
            known = old.get(name)
            if known is topic:
                continue
            if known is not None and known.topic_id != topic.topic_id:
                known = None
            configs = json.dumps(dict(topic.configs), sort_keys=True)
            if known is None:
                run("INSERT INTO topics VALUES (?, ?, ?)", (name, str(topic.topic_id), configs))
            else:
                run("UPDATE topics SET configs = ? WHERE name = ?", (configs, name))
            self._write_partitions(run, known.partitions if known else (), topic.partitions)

    def _write_partitions(
        self, run: _Run, old: tuple[Partition, ...], new: tuple[Partition, ...]
    ) -> None:
        for index, partition in enumerate(new):
            if index >= len(old):
                values = ", ".join("?" * 9)
                row = (partition.topic, index, *_columns(partition))
                run(f"INSERT INTO partitions VALUES ({values})", row)  # noqa: S608 # question marks
            elif old[index] is not partition:
                swapped = run(
                    "UPDATE partitions SET replicas = ?, isr = ?, leader = ?, leader_epoch = ?,"
                    " partition_epoch = ?, adding = ?, removing = ?"
                    " WHERE topic = ? AND number = ? AND partition_epoch = ?",
                    (
                        *_columns(partition),
                        partition.topic,
                        index,
                        old[index].partition_epoch,
                    ),
                )
                _expect_one(swapped, f"partition {index} of {partition.topic}")

    def _policy(self, version: int) -> PolicyEntries:
        rows = self._database.execute("SELECT key, value FROM policy")
        return PolicyEntries(version=version, entries=dict(rows.fetchall()))

    def _nodes(self) -> tuple[dict[int, Node], dict[int, Registration]]:
        nodes, registrations = {}, {}
        for node_id, host, port, epoch, fenced, incarnation, directory_id in self._database.execute(
            "SELECT node_id, host, port, epoch, fenced, incarnation, directory_id FROM nodes"
        ):
            nodes[node_id] = Node(
                node_id=node_id, host=host, port=port, epoch=epoch, fenced=bool(fenced)
            )
            registrations[node_id] = Registration(
                incarnation=UUID(incarnation), directory_id=UUID(directory_id)
            )
        return nodes, registrations

    def _topics(self) -> dict[str, Topic]:
        partitions: dict[str, list[Partition]] = {}
        for row in self._database.execute(
            "SELECT topic, topic_id, number, replicas, isr, leader, leader_epoch,"
            " partition_epoch, adding, removing"
            " FROM partitions JOIN topics ON topic = name ORDER BY topic, number"
        ):
            partitions.setdefault(row[0], []).append(_partition(row))
        return {
            name: Topic(
                name=name,
                topic_id=UUID(topic_id),
                configs=json.loads(configs),
                partitions=tuple(partitions[name]),
            )
            for name, topic_id, configs in self._database.execute(
                "SELECT name, topic_id, configs FROM topics ORDER BY name"
            )
        }

    @contextmanager
    def _transaction(self) -> Iterator[_Run]:
        with self._translated("written"):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database.execute
                self._database.execute("COMMIT")
            except BaseException as error:
                full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
                self.is_failed = not full
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            raise StorageError(f"{self._path} cannot be {what}: {error}") from error


def _make_private(path: Path) -> None:
    """Let only the owner read a file, made if there is none; SQLite's other files follow it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)


def _columns(partition: Partition) -> tuple[object, ...]:
    return (
        json.dumps(partition.replicas),
        json.dumps(partition.isr),
        partition.leader,
        partition.leader_epoch,
        partition.partition_epoch,
        json.dumps(partition.adding),
        json.dumps(partition.removing),
    )


def _partition(row: tuple[Any, ...]) -> Partition:
    name, topic_id, number, replicas, isr, leader, leader_epoch, epoch, adding, removing = row
    return Partition(
        topic=name,
        topic_id=UUID(topic_id),
        index=number,
        replicas=tuple(json.loads(replicas)),
        isr=tuple(json.loads(isr)),
        leader=leader,
        leader_epoch=leader_epoch,
        partition_epoch=epoch,
        adding=tuple(json.loads(adding)),
        removing=tuple(json.loads(removing)),
    )


def _expect_one(cursor: sqlite3.Cursor, what: str) -> None:
    if cursor.rowcount != 1:
        raise StorageError(f"{what} is not what it was: another controller wrote it")
