"""What a worker must know after a restart, read from the tails of its own topics.

A worker writes alerts and hits, waits for the log to have them, then commits how far it read.
Killed in between, it reads some events again: their alerts are in the log already and are told by
their ids; windows are filled from the hits, and a group that has fired is known from its alert.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import chain
from typing import TypeVar

import msgspec
import structlog

from detections.correlation.hit import Hit
from pipeline.bus.admin import Admin
from pipeline.bus.consumer import Record
from pipeline.bus.position import TopicPartition
from pipeline.errors import UndecodableRecord
from pipeline.schema.alert import Alert
from pipeline.schema.codec import decode_alert
from pipeline.schema.topics import ALERTS, HITS

log = structlog.get_logger()

_PAGE_RECORDS = 2_000
# Of each partition, at most: beyond it windows start with what is newest.
MAX_TAIL_RECORDS = 50_000
_T = TypeVar("_T", Alert, Hit)

_hit_decoder = msgspec.json.Decoder(Hit)


def encode_hit(hit: Hit) -> bytes:
    """The record value of a hit."""
    return msgspec.json.encode(hit)


def decode_hit(value: bytes) -> Hit:
    """The hit in a record value.

    Raises:
        UndecodableRecord: The value is not a hit.
    """
    try:
        return _hit_decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise UndecodableRecord(f"not a hit: {error}") from error


async def recent_alerts(admin: Admin, *, span: timedelta, at_least: int) -> list[Alert]:
    """The newest alerts of every partition, oldest first.

    Args:
        admin: Reads the log.
        span: All alerts whose time is within it of their partition's newest.
        at_least: So many of each partition, whatever their time.
    """
    return await _tail(admin, ALERTS, decode_alert, lambda alert: alert.time, span, at_least)


async def recent_hits(admin: Admin, *, span: timedelta, at_least: int) -> list[Hit]:
    """The newest hits of every partition, likewise."""
    return await _tail(admin, HITS, decode_hit, lambda hit: hit.event.time, span, at_least)


async def _tail(
    admin: Admin,
    topic: str,
    decode: Callable[[bytes], _T],
    time_of: Callable[[_T], datetime],
    span: timedelta,
    at_least: int,
) -> list[_T]:
    found: list[_T] = []
    for partition, held in (await admin.offsets([topic])).items():
        end, pages = held.end, deque[list[_T]]()
        newest: datetime | None = None
        while end > held.start and held.end - end < MAX_TAIL_RECORDS:
            begin = max(held.start, end - _PAGE_RECORDS)
            page = await _page(admin, partition, begin, end, decode)
            pages.appendleft(page)
            end = begin
            last = max(map(time_of, page), default=None)
            if last is not None and (newest is None or last > newest):
                newest = last
            is_old = last is not None and newest is not None and newest - last > span
            if is_old and held.end - end >= at_least:
                break
        found += chain.from_iterable(pages)
    return found


async def _page(
    admin: Admin,
    partition: TopicPartition,
    begin: int,
    end: int,
    decode: Callable[[bytes], _T],
) -> list[_T]:
    """What the records from one offset to before another hold."""
    records = await admin.read(partition, begin, end - begin)
    held = (_decoded(record, decode) for record in records if record.offset < end)
    return [item for item in held if item is not None]


def _decoded(record: Record, decode: Callable[[bytes], _T]) -> _T | None:
    try:
        return decode(record.value or b"")
    except UndecodableRecord as error:
        log.warning(
            "own_record_unreadable", topic=record.topic, offset=record.offset, detail=str(error)
        )
        return None
