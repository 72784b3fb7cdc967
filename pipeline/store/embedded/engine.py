"""chDB: one directory, a connection per request; the only module that imports chdb.

Everything here blocks and belongs on a lane's threads; a Session is used by one step at a time,
though steps may run on different threads. chDB releases the GIL while it works.

Locking: chDB answers a second opening of a directory with an empty error, so we take a lock of
our own first. The kernel releases it however the process ends.
"""

import fcntl
import importlib
import itertools
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from pipeline.store.embedded.errors import QUERY_WAS_CANCELLED, EngineError, Refused
from pipeline.store.embedded.guard import Denied, Tree, Verdict, judge
from pipeline.store.embedded.parameters import set_statement
from pipeline.store.embedded.statement import InsertHead

LOCK_NAME = "tocsin.lock"
# Formats whose chunks make one document when put after each other; the others have a frame
# (JSON, Parquet) or a header (…WithNames), which chDB repeats for every chunk.
_CHUNKED = frozenset(
    {
        "native",
        "rowbinary",
        "jsoneachrow",
        "jsonlines",
        "ndjson",
        "jsoncompacteachrow",
        "jsonstringseachrow",
        "tabseparated",
        "tsv",
        "tabseparatedraw",
        "tsvraw",
        "csv",
        "msgpack",
        "lineasstring",
        "rawblob",
    }
)
_NOT_NEEDED = ("pandas", "pyarrow")
_NOT_SHOWN = ("does not support JSON serialization", "not supported by parseQueryToJSON")


class DirectoryInUse(Exception):
    """Another process holds the store's directory."""


class Engine:
    """An open chDB directory.

    Args:
        directory: Made if it is not there.
        memory_bytes: Most memory of the engine, caches included.
    """

    def __init__(self, directory: Path, *, memory_bytes: int) -> None:
        self._lock = _lock(directory)
        self.spool_directory = directory / "spool"
        self.spool_directory.mkdir(exist_ok=True)
        self._chdb = _chdb()
        caches = memory_bytes // 16
        self._url = str(directory / "data")
        self._control = self._chdb.Connection(
            f"{self._url}?max_server_memory_usage={memory_bytes}&mark_cache_size={caches}"
            f"&uncompressed_cache_size={caches}&index_mark_cache_size={caches}"
            f"&index_uncompressed_cache_size={caches}&primary_index_cache_size={caches}"
        )
        self._tags = itertools.count(1)
        self.version = self._names("SELECT version()")[0]
        self.timezone = self._names("SELECT timezone()")[0]
        self.denied = Denied.of_engine(
            self._names("SELECT name FROM system.table_functions"),
            self._names(
                "SELECT name FROM system.functions WHERE categories = 'AI' OR alias_to IN"
                " (SELECT name FROM system.functions WHERE categories = 'AI')"
            ),
        )

    def _names(self, sql: str) -> list[str]:
        text: bytes = self._control.query(sql, "TSVRaw").bytes()
        return text.decode().splitlines()

    def session(self) -> "Session":
        """A connection of its own, for one request; 0.2 ms."""
        connection = self._chdb.Connection(self._url)
        return Session(connection, tag=f"tocsin-{next(self._tags)}", denied=self.denied)

    def cancel(self, session: "Session") -> None:
        """Stop what the session runs; returns at once, the session's step fails soon after."""
        session.cancelled = True
        self._control.query(
            f"KILL QUERY WHERE Settings['log_comment'] = '{session.tag}' ASYNC", "Null"
        )

    def close(self) -> None:
        """Close the directory; no session may be open."""
        self._control.close()
        os.close(self._lock)


class Session:
    """One request's connection: what it SETs ends with it."""

    def __init__(self, connection: Any, *, tag: str, denied: Denied) -> None:  # chdb is untyped
        self._connection = connection
        self._denied = denied
        self._stream: Any = None
        self._whole: bytes | None = None
        self.tag = tag
        self.cancelled = False
        self.rows_read = 0

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def judge(self, sql: str, *, readonly: bool) -> Verdict:
        """Parse a statement and allow or refuse it.

        Raises:
            EngineError: It does not parse.
            Refused: It is not allowed.
        """
        return judge(sql, self._parse(sql), self._denied, readonly=readonly)

    def _parse(self, sql: str) -> Tree | None:
        escaped = sql.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
        try:
            shown = self._connection.query(
                "SELECT parseQueryToJSON({sql:String})", "TSVRaw", params={"sql": escaped}
            ).bytes()
        except RuntimeError as error:
            if any(reason in str(error) for reason in _NOT_SHOWN):
                return None
            raise EngineError.from_engine(error) from None
        return msgspec.json.decode(shown, type=dict[str, object])

    def prepare(self, settings: Mapping[str, str], database: str) -> None:
        """Choose the database and SET; ``readonly`` closes the door, so this comes once."""
        try:
            if database and database != "default":
                quoted = database.replace("\\", "\\\\").replace("`", "\\`")
                self._connection.query(f"USE `{quoted}`", "Null")
            self._connection.query(
                set_statement({"log_comment": self.tag, **settings}),
                "Null",
            )
        except RuntimeError as error:  # all that chDB raises is one
            raise EngineError.from_engine(error) from None

    def start(self, sql: str, output: str, bound: Mapping[str, str], *, selects: bool) -> None:
        """Begin a statement whose result ``next_chunk`` then gives.

        Args:
            sql: A judged statement.
            output: The format of its result, as its FORMAT clause or the request names it.
            bound: Values of its parameters, TabSeparated-escaped.
            selects: Its result may be taken in chunks.
        """
        self._check_cancelled()
        try:
            if selects and output.lower() in _CHUNKED:
                self._stream = self._connection.send_query(sql, output, params=dict(bound))
            else:
                self._whole = self._connection.query(sql, output, params=dict(bound)).bytes()
        except RuntimeError as error:  # all that chDB raises is one
            raise EngineError.from_engine(error) from None

    def next_chunk(self) -> bytes | None:
        """The next part of the result; None after the last."""
        self._check_cancelled()
        if self._stream is None:
            whole, self._whole = self._whole, None
            return whole or None
        try:
            chunk = self._stream.fetch()
            if chunk is None:
                self._stream = None
                return None
            self.rows_read += int(chunk.rows_read())
            data: bytes = chunk.bytes()
            return data
        except RuntimeError as error:  # all that chDB raises is one
            self._stream = None
            raise EngineError.from_engine(error) from None

    def insert(self, head: InsertHead, input_format: str, data: int) -> int:
        """Insert the data in an open file; returns rows written, materialized views included.

        FROM INFILE and not chDB's ``send_insert``: that one (chdb-core 26.9.0) reports success
        when the commit fails, for a full disk and for too many partitions alike, and the rows
        are lost.

        Args:
            head: The INSERT.
            input_format: Of the data; a name, as ``is_name`` in ``statement`` says.
            data: Descriptor of the file.
        """
        self._check_cancelled()
        sql = f"{head.target} FROM INFILE '/proc/self/fd/{data}' {head.settings}"
        try:
            result = self._connection.query(f"{sql} FORMAT {input_format}", "Null")
            return int(result.rows_written())
        except RuntimeError as error:  # all that chDB raises is one
            raise EngineError.from_engine(error) from None

    def _check_cancelled(self) -> None:
        if self.cancelled:
            raise Refused(QUERY_WAS_CANCELLED, "the client has gone.")

    def close(self) -> None:
        """End what is unfinished, and the connection."""
        try:
            if self._stream is not None:
                self._stream.cancel()
        except RuntimeError as error:  # all that chDB raises is one
            raise EngineError.from_engine(error) from None
        finally:
            self._stream = None
            self._connection.close()


def _chdb() -> Any:  # it has no types
    """The chdb module, without what it would import for results we never ask for.

    Imported when a store is opened, because it costs a second and 200 MB that no other process
    shall pay. ``chdb.state`` imports pyarrow (and so numpy) if it is there and does without if
    it is not: 60 MB and 0.3 s less.
    """
    hidden = [name for name in _NOT_NEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: not importable
    try:
        return importlib.import_module("chdb.state.sqlitelike")
    finally:
        for name in hidden:
            del sys.modules[name]


def _lock(directory: Path) -> int:
    """Lock the directory for this process; the descriptor holds it.

    Raises:
        DirectoryInUse: Another process holds it; the message says which.
    """
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise DirectoryInUse(
            f"the store in {directory} is already open in process {holder};"
            " a directory can be open in one process only"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
