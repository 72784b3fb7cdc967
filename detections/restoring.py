"""Which alerts a worker's predecessor has written, read from the tail of their topic.

A worker writes alerts and hits, waits for the log to have them, then commits how far it read.
Killed in between, it reads some events again: their alerts are in the log already and are told by
their ids.
"""

import structlog

from pipeline.bus.admin import Admin
from pipeline.bus.consumer import Record
from pipeline.bus.position import TopicPartition
from pipeline.errors import UndecodableRecord
from pipeline.schema.alert import Alert
from pipeline.schema.codec import decode_alert
from pipeline.schema.topics import ALERTS

log = structlog.get_logger()

_PAGE_RECORDS = 2_000


async def recent_alerts(admin: Admin, *, at_least: int) -> list[Alert]:
    """The newest alerts, so many of every partition, or all it has."""
    found: list[Alert] = []
    for partition, held in (await admin.offsets([ALERTS])).items():
        begin = max(held.start, held.end - at_least)
        while begin < held.end:
            found += await _page(admin, partition, begin, min(begin + _PAGE_RECORDS, held.end))
            begin += _PAGE_RECORDS
    return found


async def _page(admin: Admin, partition: TopicPartition, begin: int, end: int) -> list[Alert]:
    """What the records from one offset to before another hold."""
    records = await admin.read(partition, begin, end - begin)
    held = (_decoded(record) for record in records if record.offset < end)
    return [alert for alert in held if alert is not None]


def _decoded(record: Record) -> Alert | None:
    try:
        return decode_alert(record.value or b"")
    except UndecodableRecord as error:
        log.warning(
            "own_record_unreadable", topic=record.topic, offset=record.offset, detail=str(error)
        )
        return None
