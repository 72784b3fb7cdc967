"""Hits, ticks and alerts as records of the log, and the other way round."""

from collections.abc import Iterable, Iterator

import msgspec

from detections.correlation.hit import Hit
from detections.correlation.partition import Tick
from pipeline.bus.producer import OutgoingRecord
from pipeline.errors import UndecodableRecord
from pipeline.schema.alert import Alert
from pipeline.schema.codec import SCHEMA_HEADER, encode_alert
from pipeline.schema.topics import ALERTS, HITS

_decoder: msgspec.json.Decoder[Hit | Tick] = msgspec.json.Decoder(Hit | Tick)


def decode(value: bytes) -> Hit | Tick:
    """What a record of ``detections.hits`` holds.

    Raises:
        UndecodableRecord: Neither a hit nor a tick.
    """
    try:
        return _decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise UndecodableRecord(f"neither a hit nor a tick: {error}") from error


def hit_records(hits: Iterable[Hit]) -> Iterator[OutgoingRecord]:
    """Hits on their way: all of a group's are in one partition, in order."""
    for hit in hits:
        yield OutgoingRecord(
            topic=HITS,
            key="\0".join(hit.key).encode("utf-8", "surrogatepass"),
            value=msgspec.json.encode(hit),
            headers=(SCHEMA_HEADER,),
        )


def tick_records(ticks: Iterable[Tick], partitions: int) -> Iterator[OutgoingRecord]:
    """Ticks on their way, each to every partition."""
    for tick in ticks:
        value = msgspec.json.encode(tick)
        for partition in range(partitions):
            yield OutgoingRecord(
                topic=HITS, value=value, partition=partition, headers=(SCHEMA_HEADER,)
            )


def alert_record(alert: Alert) -> OutgoingRecord:
    """An alert on its way."""
    return OutgoingRecord(
        topic=ALERTS,
        key=alert.rule_id.encode(),
        value=encode_alert(alert),
        headers=(SCHEMA_HEADER,),
    )
