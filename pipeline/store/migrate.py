"""Apply ``migrations/0001_*.sql`` … in order, once; the tables are then what this release wants.

What was applied stands in ``schema_migrations`` with a digest of its text: a migration is never
edited after a release, and one that was is an error and not a surprise. On a server the engines
become Replicated ones when a cluster is named. The same run sets how long rows are kept, because
that is a setting and not history.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from string import Template

import structlog

from pipeline.errors import StoreRefused
from pipeline.settings import StoreSettings
from pipeline.store.client import NamedQuery, StoreClient

log = structlog.get_logger()

_NUMBERED = re.compile(r"(\d{4})_\w+\.sql")
_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations $on_cluster
(number UInt32, name String, digest String, applied DateTime('UTC'))
ENGINE = ${replicated}MergeTree ORDER BY number
"""
# Which column a table's rows age by.
_AGED_BY = {
    "events": "toDate(observed_time)",
    "samples": "toDate(observed_time)",
    "series": "toDate(seen)",
    "clicks": "toDate(observed_time)",
    "alerts": "toDate(observed_time)",
    "deliveries": "toDate(time)",
    "ledger": "observed_date",
    "dead_letters": "toDate(time)",
    "source_minutes": "toDate(minute)",
}


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file.

    Attributes:
        number: Its place in the order.
        name: The file's name.
        text: As it stands in the file.
    """

    number: int
    name: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text, 16 hex digits."""
        return sha256(self.text.encode()).hexdigest()[:16]

    def statements(self, settings: StoreSettings) -> list[str]:
        """Its statements for a store of this kind, without comments."""
        return _statements(self.text, settings)


def migrations() -> list[Migration]:
    """Every migration of this release, in order."""
    found = []
    for file in files("pipeline.store").joinpath("migrations").iterdir():
        numbered = _NUMBERED.fullmatch(file.name)
        if numbered:
            found.append(Migration(int(numbered[1]), file.name, file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.number)


async def migrate(settings: StoreSettings) -> int:
    """Bring the store to this release's tables; returns how many migrations were applied.

    Can be repeated, also after a crash in the middle: every statement of a migration says
    IF NOT EXISTS or changes nothing the second time.

    Raises:
        StoreRefused: The store was written by a later release, or a migration was edited.
        StoreUnavailable: The store does not answer.
    """
    async with StoreClient(settings) as client:
        return await _migrate(client, settings)


async def _migrate(client: StoreClient, settings: StoreSettings) -> int:
    for statement in _statements(_HISTORY, settings):
        await client.command(statement)
    known = migrations()
    applied = await _applied(client)
    _check(known, applied)
    pending = [migration for migration in known if migration.number not in applied]
    for migration in pending:
        for statement in migration.statements(settings):
            await client.command(statement)
        await client.command(
            "INSERT INTO schema_migrations (number, name, digest, applied) VALUES"  # noqa: S608
            f" ({migration.number}, '{migration.name}', '{migration.digest}', now())"
        )
        log.info("store_migrated", migration=migration.name)
    await _set_retention(client, settings)
    return len(pending)


async def _applied(client: StoreClient) -> dict[int, str]:
    rows = await client.query(
        NamedQuery(
            name="migrations_applied",
            sql="SELECT number, any(digest) FROM schema_migrations GROUP BY number",
            parameters={},
        )
    )
    return {int(number): str(digest) for number, digest in rows}


def _check(known: Sequence[Migration], applied: dict[int, str]) -> None:
    later = sorted(applied.keys() - {migration.number for migration in known})
    if later:
        raise StoreRefused(
            f"the store has migration {later[-1]:04d}, which this release does not know;"
            " it was written by a later one"
        )
    for migration in known:
        if applied.get(migration.number, migration.digest) != migration.digest:
            raise StoreRefused(
                f"{migration.name} is not what was applied to this store: a migration is never"
                " edited after a release"
            )


async def _set_retention(client: StoreClient, settings: StoreSettings) -> None:
    """Change the age at which rows go, in the tables where it is another."""
    rows = await client.query(
        NamedQuery(
            name="retention_set",
            sql="SELECT name, create_table_query FROM system.tables"
            " WHERE database = currentDatabase()",
            parameters={},
        )
    )
    for name, definition in rows:
        aged_by = _AGED_BY.get(name)
        wanted = f"{aged_by} + toIntervalDay({settings.retention_days})"
        if aged_by is None or wanted in definition:
            continue
        on_cluster = _values(settings)["on_cluster"]
        await client.command(
            f"ALTER TABLE {name} {on_cluster} MODIFY TTL {wanted}"
            " SETTINGS materialize_ttl_after_modify = 0"
        )
        log.info("store_retention_set", table=name, days=settings.retention_days)


def _statements(text: str, settings: StoreSettings) -> list[str]:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    filled = Template("\n".join(lines)).substitute(_values(settings))
    return [part.strip(" ;\n") for part in filled.split(";\n") if part.strip(" ;\n")]


def _values(settings: StoreSettings) -> dict[str, str]:
    """What the placeholders of a migration stand for."""
    clustered = bool(settings.cluster)
    return {
        "on_cluster": f"ON CLUSTER '{settings.cluster}'" if clustered else "",
        "replicated": "Replicated" if clustered else "",
        "deduplication_window": (
            "replicated_deduplication_window"
            if clustered
            else "non_replicated_deduplication_window"
        ),
        "retention_days": str(settings.retention_days),
    }
