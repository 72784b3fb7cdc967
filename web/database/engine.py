"""Open the console's database, bring it to the newest migration, and run transactions.

SQLite in WAL mode by default; any database that SQLAlchemy speaks to by URL. Transactions are
short and synchronous; a coroutine runs one with ``await database.run(…)``, in a thread.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from web.database.tables import KeyRow, Table

P = ParamSpec("P")
T = TypeVar("T")

BUSY_MS = 10_000
MIGRATIONS = Path(__file__).parent / "migrations"


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


class Database:
    """The console's tables. Safe to use from several threads.

    Args:
        url: An SQLAlchemy URL; a missing SQLite file and its directory are made.
        clock: The only source of time for what is written.
    """

    def __init__(self, url: str, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.now = clock
        self._engine = _engine(url)

    def migrate(self) -> None:
        """Bring the tables to this version; a second console waits for the first."""
        script = ScriptDirectory(str(MIGRATIONS))

        def steps(present: Any, _: object) -> Any:
            return script._upgrade_revs("head", present)  # as alembic's own example does

        with (
            self._engine.begin() as connection,
            EnvironmentContext(Config(), script, fn=steps) as environment,
        ):
            environment.configure(connection=connection, target_metadata=Table.metadata)
            environment.run_migrations()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write: committed at the end of the block, undone by an error."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; nothing it changes is kept."""
        engine = self._engine.execution_options(tocsin_read=True)
        with Session(engine, expire_on_commit=False) as session:
            yield session

    async def run(
        self,
        work: Callable[Concatenate["Database", P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """``work(database, …)`` in a thread, so that the loop never waits for a disk."""
        return await asyncio.to_thread(work, self, *args, **kwargs)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def shared_key(database: Database, name: str) -> bytes:
    """The 32-byte random key of that name, made on first use."""
    with database.write() as session:
        row = session.get(KeyRow, name)
        if row is None:
            row = KeyRow(name=name, value=secrets.token_bytes(32))
            session.add(row)
        return row.value


def _engine(url: str) -> Engine:
    """An engine; for SQLite with durable commits and explicit transactions."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # The driver must not begin transactions by itself: it would begin them too late.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_MS}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A reader that turns writer in mid-transaction fails at once when another one wrote;
        # taking the lock first makes it wait instead.
        reads = connection.get_execution_options().get("tocsin_read", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
