"""Delivery: one attempt to tell a destination of an alert, as the ``deliveries`` topic keeps it.

The latest record of an alert and a destination says where they stand, so that a restarted sink
goes on where it stopped and sends nothing twice that was taken.
"""

from datetime import datetime
from enum import StrEnum
from hashlib import sha256

import msgspec

from pipeline.errors import UndecodableRecord
from pipeline.schema.event import uuid8


class DeliveryStatus(StrEnum):
    """What came of an attempt."""

    DELIVERED = "delivered"
    RETRYING = "retrying"
    FAILED = "failed"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt.

    Attributes:
        id: ``delivery_id(…)``.
        alert_id: Which alert.
        alert_topic, alert_partition, alert_offset: Where it lies in the log.
        destination: The public name of a WebhookDestination.
        attempt: Counted from 1; 0 where none was made because too much was waiting.
        status: What came of it; after ``failed`` and ``delivered`` there are no more.
        time: When the attempt ended, in UTC.
        duration_ms: How long it took.
        response_status: The HTTP status that was answered; 0 without an answer.
        error: What went wrong, for people; empty when nothing did.
        next_attempt: When it is tried again, in UTC; None when it is not.
    """

    id: str
    alert_id: str
    alert_topic: str
    alert_partition: int
    alert_offset: int
    destination: str
    attempt: int
    status: DeliveryStatus
    time: datetime
    duration_ms: int
    response_status: int = 0
    error: str = ""
    next_attempt: datetime | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Delivery)


def delivery_id(alert_id: str, destination: str, attempt: int) -> str:
    """The attempt's id: the same attempt recorded twice is one."""
    return str(uuid8(sha256(f"{alert_id}\0{destination}\0{attempt}".encode()).digest()))


def encode_delivery(delivery: Delivery) -> bytes:
    """The record value of a delivery."""
    return _encoder.encode(delivery)


def decode_delivery(value: bytes) -> Delivery:
    """The delivery in a record value.

    Raises:
        UndecodableRecord: The value is not a delivery.
    """
    try:
        found = _decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise UndecodableRecord(f"not a delivery: {error}") from error
    if any(time is not None and time.tzinfo is None for time in (found.time, found.next_attempt)):
        raise UndecodableRecord("not a delivery: its time carries no time zone")
    return found
