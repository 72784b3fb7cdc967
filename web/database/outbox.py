"""Records that must reach the bus: written with the decision they tell of, sent afterwards.

A crash between the two costs nothing: the row is still there and is sent by whoever runs next.
A row may be sent twice; consumers ignore a revision they have seen.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pipeline.bus.control import ControlPublisher
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.errors import PipelineError
from pipeline.schema.control import Decision, decode_decision, encode_decision
from pipeline.schema.topics import AUDIT, CONTROL
from pipeline.settings import BusSettings
from web.database.engine import Database
from web.database.tables import OutboxRow
from web.metrics import OUTBOX_FAILURES, OUTBOX_ROWS

log = structlog.get_logger()

BATCH_ROWS = 200
IDLE_SECONDS = 0.5
RETRY_SECONDS = 5.0


def add_decision(session: Session, database: Database, decision: Decision) -> None:
    """Send a decision to ``control`` once this transaction is committed."""
    session.add(OutboxRow(topic=CONTROL, value=encode_decision(decision), written=database.now()))


def add_audit(session: Session, database: Database, value: bytes) -> None:
    """Send a record to ``audit`` once this transaction is committed."""
    session.add(OutboxRow(topic=AUDIT, value=value, written=database.now()))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that is not yet known to have been sent."""

    sequence: int
    topic: str
    value: bytes


def waiting(database: Database, limit: int = BATCH_ROWS) -> list[Waiting]:
    """The oldest rows, in the order in which they were written."""
    with database.read() as session:
        rows = session.scalars(select(OutboxRow).order_by(OutboxRow.sequence).limit(limit))
        return [Waiting(row.sequence, row.topic, row.value) for row in rows]


def count_waiting(database: Database) -> int:
    """How many rows wait."""
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(OutboxRow)) or 0


def forget(database: Database, rows: Sequence[Waiting]) -> None:
    """Remove rows that the bus has acknowledged."""
    with database.write() as session:
        session.execute(
            delete(OutboxRow).where(OutboxRow.sequence.in_([row.sequence for row in rows]))
        )


async def flush(database: Database, bus: BusSettings) -> int:
    """Send everything that waits; return how many records.

    Raises:
        BusUnavailable: The bus did not acknowledge in time; what it did not, still waits.
        BusRefused: It will not take them.
    """
    async with Producer(bus, client_id="tocsin-console") as producer:
        return await _send_waiting(database, producer)


async def _send_waiting(database: Database, producer: Producer) -> int:
    """Send batch after batch until nothing waits."""
    sent = 0
    control = ControlPublisher(producer)
    while rows := await database.run(waiting):
        await control.publish([decode_decision(row.value) for row in rows if row.topic == CONTROL])
        await producer.publish(
            [OutgoingRecord(topic=row.topic, value=row.value) for row in rows if row.topic == AUDIT]
        )
        await database.run(forget, rows)
        sent += len(rows)
    return sent


async def relay(database: Database, bus: BusSettings) -> None:
    """Send what waits, for as long as the console runs."""
    async with Producer(bus, client_id="tocsin-console") as producer:
        while True:
            pause = IDLE_SECONDS
            rows = await database.run(count_waiting)
            OUTBOX_ROWS.set(rows)
            if rows:
                try:
                    await _send_waiting(database, producer)
                except PipelineError as error:
                    OUTBOX_FAILURES.inc()
                    log.warning("outbox_delayed", rows=rows, error=str(error))
                    pause = RETRY_SECONDS
            await asyncio.sleep(pause)
