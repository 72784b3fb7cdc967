"""What people decide about alerts: states with reasons, assignees, notes; revisions and undo.

An alert without a row is open and has revision 0. Every change makes the next revision and is
kept; whoever changes what somebody else changed meanwhile is told who and when.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from web.database.engine import Database
from web.database.tables import AlertChangeRow, AlertStateRow
from web.security.audit import Actor, record
from web.security.errors import InputRefused

MOST_NOTE_CHARACTERS = 4_000
MOST_ALERTS = 500


class State(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


class Reason(StrEnum):
    """Why an alert was closed."""

    TRUE_POSITIVE = "true positive"
    FALSE_POSITIVE = "false positive"
    BENIGN = "benign"
    DUPLICATE = "duplicate"


class Conflict(Exception):
    """Somebody else decided meanwhile.

    Attributes:
        current: What stands now.
    """

    def __init__(self, current: "AlertState") -> None:
        super().__init__(
            f"{current.changed_by} changed this alert to {current.state} meanwhile."
            " Look at it again before you decide."
        )
        self.current = current


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """What stands for an alert.

    Attributes:
        alert_id: Which.
        revision: Counts up with every change; 0 if there was none.
        reason: Why it was closed; empty otherwise.
        assignee: Name of the account that looks at it; empty for nobody.
        changed: When it was changed last; None if never.
        changed_by: By whom.
    """

    alert_id: str
    revision: int = 0
    state: State = State.OPEN
    reason: str = ""
    assignee: str = ""
    changed: datetime | None = None
    changed_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of an alert's history; a note changes nothing else."""

    revision: int
    state: State
    reason: str
    assignee: str
    note: str
    time: datetime
    actor: str


def states(database: Database, alert_ids: Collection[str]) -> dict[str, AlertState]:
    """What stands for each of these alerts; those without a row are open."""
    query = select(AlertStateRow).where(AlertStateRow.alert_id.in_(list(alert_ids)))
    with database.read() as session:
        found = {row.alert_id: _state(row) for row in session.scalars(query)}
    return {id: found.get(id, AlertState(alert_id=id)) for id in alert_ids}


def ids_in(database: Database, wanted: Collection[State]) -> list[str]:
    """The alerts that somebody put into one of these states, changed last first."""
    query = (
        select(AlertStateRow.alert_id)
        .where(AlertStateRow.state.in_([state.value for state in wanted]))
        .order_by(AlertStateRow.changed.desc())
    )
    with database.read() as session:
        return list(session.scalars(query))


def history(database: Database, alert_id: str) -> list[Change]:
    """Every step, the first one first."""
    query = (
        select(AlertChangeRow)
        .where(AlertChangeRow.alert_id == alert_id)
        .order_by(AlertChangeRow.revision)
    )
    with database.read() as session:
        return [_change(row) for row in session.scalars(query)]


def acknowledge(
    database: Database, alert_ids: Sequence[str], *, actor: Actor, revision: int | None = None
) -> list[AlertState]:
    """Take alerts: they are somebody's now. Those that are already closed stay closed."""

    def take(row: AlertStateRow) -> str:
        if row.state == State.CLOSED:
            return ""
        row.state, row.assignee = State.ACKNOWLEDGED, row.assignee or actor.name
        return "alert_acknowledged"

    return _each(database, alert_ids, take, actor=actor, revision=revision)


def close(
    database: Database,
    alert_ids: Sequence[str],
    *,
    reason: Reason | str,
    actor: Actor,
    note: str = "",
    revision: int | None = None,
) -> list[AlertState]:
    """Close alerts for a reason.

    Raises:
        InputRefused: The reason is none of ours, or the note too long.
        Conflict: Another revision stands.
    """
    if reason not in list(Reason):
        raise InputRefused(f"Choose a reason: {', '.join(Reason)}.", field="reason")

    def end(row: AlertStateRow) -> str:
        row.state, row.reason = State.CLOSED, str(reason)
        return "alert_closed"

    return _each(database, alert_ids, end, actor=actor, revision=revision, note=note)


def reopen(
    database: Database, alert_ids: Sequence[str], *, actor: Actor, revision: int | None = None
) -> list[AlertState]:
    """Open alerts again."""

    def again(row: AlertStateRow) -> str:
        row.state, row.reason = State.OPEN, ""
        return "alert_reopened"

    return _each(database, alert_ids, again, actor=actor, revision=revision)


def assign(
    database: Database,
    alert_ids: Sequence[str],
    *,
    assignee: str,
    actor: Actor,
    revision: int | None = None,
) -> list[AlertState]:
    """Give alerts to an account by name, or to nobody by an empty one."""

    def give(row: AlertStateRow) -> str:
        row.assignee = assignee
        return "alert_assigned"

    return _each(database, alert_ids, give, actor=actor, revision=revision)


def add_note(database: Database, alert_id: str, *, note: str, actor: Actor) -> AlertState:
    """Write a note into an alert's history.

    Raises:
        InputRefused: It is empty or too long.
    """
    if not note.strip():
        raise InputRefused("The note is empty.", field="note")
    states = _each(
        database, [alert_id], lambda _: "alert_noted", actor=actor, revision=None, note=note.strip()
    )
    return states[0]


def undo(
    database: Database, alert_ids: Sequence[str], *, actor: Actor, revision: int | None = None
) -> list[AlertState]:
    """Take back the last change of each alert: what stood before stands again."""
    befores: dict[str, AlertChangeRow | None] = {}
    with database.read() as session:
        for alert_id in alert_ids[:MOST_ALERTS]:
            changes = select(AlertChangeRow).where(AlertChangeRow.alert_id == alert_id)
            latest = changes.order_by(AlertChangeRow.revision.desc()).limit(2)
            found = session.scalars(latest).all()
            befores[alert_id] = found[1] if len(found) > 1 else None

    def back(row: AlertStateRow) -> str:
        before = befores.get(row.alert_id)
        row.state = before.state if before else State.OPEN
        row.reason = before.reason if before else ""
        row.assignee = before.assignee if before else ""
        return "alert_change_undone"

    return _each(database, alert_ids, back, actor=actor, revision=revision)


def _each(
    database: Database,
    alert_ids: Sequence[str],
    change: Callable[[AlertStateRow], str],
    *,
    actor: Actor,
    revision: int | None,
    note: str = "",
) -> list[AlertState]:
    """Change every alert in one transaction: all of them or none.

    Raises:
        Conflict: ``revision`` was given, and another one stands for the first alert.
        InputRefused: Too many alerts at a time, or the note is too long.
    """
    if len(alert_ids) > MOST_ALERTS:
        raise InputRefused(f"At most {MOST_ALERTS} alerts at a time.", field="alerts")
    if len(note) > MOST_NOTE_CHARACTERS:
        raise InputRefused(f"A note has at most {MOST_NOTE_CHARACTERS} characters.", field="note")
    after = []
    with database.write() as session:
        for alert_id in dict.fromkeys(alert_ids):
            row = _row(session, database, alert_id)
            if revision is not None and row.revision != revision:
                raise Conflict(_state(row))
            action = change(row)
            if action:
                _keep(session, database, row, actor, action, note)
            after.append(_state(row))
    return after


def _row(session: Session, database: Database, alert_id: str) -> AlertStateRow:
    row = session.get(AlertStateRow, alert_id)
    if row is None:
        row = AlertStateRow(
            alert_id=alert_id,
            revision=0,
            state=State.OPEN.value,
            reason="",
            assignee="",
            changed=database.now(),
            changed_by="",
        )
        session.add(row)
    return row


def _keep(
    session: Session, database: Database, row: AlertStateRow, actor: Actor, action: str, note: str
) -> None:
    """Make the next revision, its history and its audit record."""
    row.revision += 1
    row.changed, row.changed_by = database.now(), actor.name
    row.state = str(row.state)
    session.add(
        AlertChangeRow(
            alert_id=row.alert_id,
            revision=row.revision,
            state=row.state,
            reason=row.reason,
            assignee=row.assignee,
            note=note,
            time=row.changed,
            actor=actor.name,
        )
    )
    record(session, database, actor, action, row.alert_id, row.reason)


def _state(row: AlertStateRow) -> AlertState:
    return AlertState(
        alert_id=row.alert_id,
        revision=row.revision,
        state=State(row.state),
        reason=row.reason,
        assignee=row.assignee,
        changed=row.changed if row.revision else None,
        changed_by=row.changed_by,
    )


def _change(row: AlertChangeRow) -> Change:
    return Change(
        revision=row.revision,
        state=State(row.state),
        reason=row.reason,
        assignee=row.assignee,
        note=row.note,
        time=row.time,
        actor=row.actor,
    )
