"""Rules as the console knows them: loaded by the detectors' own loader, switched by decisions."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import select

from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.processing import NO_PROCESSING, Processing, ProcessingSources
from detections.rule_set import RuleSet, load
from pipeline.schema.control import RuleState
from web.database.engine import Database
from web.database.outbox import add_decision
from web.database.tables import RuleStateRow
from web.security.audit import Actor, record

log = structlog.get_logger()

RELOAD_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Whether a rule is evaluated, and who said so.

    Attributes:
        revision: Counts up with every change; 0 if there was none.
        changed: When; None if never.
    """

    rule_id: str
    revision: int = 0
    enabled: bool = True
    changed: datetime | None = None
    changed_by: str = ""


class RuleConflict(Exception):
    """Somebody else switched the rule meanwhile."""


class Rulebook:
    """Keeps the rules of some directories loaded while ``run`` runs. For the loop.

    Attributes:
        rules: What was loaded last; empty until ``load`` has returned once.
    """

    def __init__(
        self,
        directories: Sequence[Path],
        *,
        processing: ProcessingSources = NO_PROCESSING,
        cache_directory: Path | None = None,
    ) -> None:
        self._directories = tuple(directories)
        self._sources = processing
        self._processing: Processing | None = None
        self._cache_directory = cache_directory
        self._stamp: object = None
        self.rules = RuleSet()

    @property
    def every(self) -> dict[str, Rule | Correlation]:
        """All that is loaded, by its id."""
        found: list[Rule | Correlation] = [*self.rules.rules, *self.rules.correlations]
        return {one.id: one for one in found}

    async def run(self) -> None:
        """Load, and load again whenever a file has changed, until cancelled."""
        while True:
            await self.load()
            await asyncio.sleep(RELOAD_SECONDS)

    async def load(self) -> RuleSet:
        """Load now, unless no file has changed."""
        places = (*self._directories, *self._sources.places())
        stamp = await asyncio.to_thread(_stamp, places)
        if stamp != self._stamp:
            self.rules = await asyncio.to_thread(self._read)
            self._stamp = stamp
            log.info("rules_loaded", rules=len(self.rules.rules), problems=len(self.rules.problems))
        return self.rules

    def _read(self) -> RuleSet:
        self._processing = self._sources.read().or_last(self._processing)
        return load(
            self._directories,
            processing=self._processing,
            cache_directory=self._cache_directory,
        )


def switches(database: Database) -> dict[str, Switch]:
    """Every rule that was ever switched, by its id; the others are evaluated."""
    with database.read() as session:
        return {row.rule_id: _switch(row) for row in session.scalars(select(RuleStateRow))}


def set_enabled(
    database: Database, rule_id: str, *, enabled: bool, actor: Actor, revision: int | None = None
) -> Switch:
    """Switch a rule on or off; the detectors hear of it through ``control``.

    Raises:
        RuleConflict: ``revision`` was given and another one stands.
    """
    with database.write() as session:
        row = session.get(RuleStateRow, rule_id)
        if row is None:
            row = RuleStateRow(rule_id=rule_id, revision=0, enabled=True, changed_by="")
            session.add(row)
        if revision is not None and revision != row.revision:
            raise RuleConflict(f"{row.changed_by} switched this rule meanwhile. Look again.")
        row.revision += 1
        row.enabled, row.changed, row.changed_by = enabled, database.now(), actor.name
        add_decision(
            session, database, RuleState(id=rule_id, revision=row.revision, enabled=enabled)
        )
        action = "rule_enabled" if enabled else "rule_disabled"
        record(session, database, actor, action, rule_id)
        return _switch(row)


def _switch(row: RuleStateRow) -> Switch:
    return Switch(
        rule_id=row.rule_id,
        revision=row.revision,
        enabled=row.enabled,
        changed=row.changed,
        changed_by=row.changed_by,
    )


def _stamp(directories: Sequence[Path]) -> object:
    """Something that differs when a file was added, changed or removed."""
    files = (
        path
        for directory in directories
        for path in ([directory] if directory.is_file() else directory.rglob("*.y*ml"))
    )
    return tuple(sorted((str(path), path.stat().st_mtime_ns) for path in files if path.exists()))
