"""From a message that a collector cut out to the record that the log gets.

One record is one event (ARCHITECTURE, "Invariant"); its key is the source, its id is given here,
once. Nothing here waits or fails: what no parser understands is an event with its raw text.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from pipeline.bus.producer import OutgoingRecord
from pipeline.collectors.spill_over import SpillOver
from pipeline.metrics import COLLECTOR_RECEIVED, COLLECTOR_SPILLED, COLLECTOR_UNPARSED
from pipeline.parsing.detect import Dialect, parse
from pipeline.schema.codec import SCHEMA_HEADER, encode_event
from pipeline.schema.event import Event, EventIds, Kind, Value
from pipeline.schema.fields import PARSE_ERROR
from pipeline.schema.topics import EVENT_TOPICS, EVENTS_LOG

HEADERS = (SCHEMA_HEADER,)


def utc_now() -> datetime:
    """Our time of receipt."""
    return datetime.now(UTC)


class Recorder:
    """Makes the records of one collector.

    Args:
        collector: Its name, for the counters.
        ids: Where event ids come from.
        spill_over: What knows the hot sources; shared by the collectors of a process.
        now: Our clock, in UTC.
    """

    def __init__(
        self,
        collector: str,
        *,
        ids: EventIds,
        spill_over: SpillOver,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.collector = collector
        self.now = now
        self._ids = ids
        self._spill_over = spill_over
        self._received = COLLECTOR_RECEIVED.labels(collector)
        self._spilled = COLLECTOR_SPILLED.labels(collector)
        self._unparsed = COLLECTOR_UNPARSED.labels(collector)

    def logs(
        self,
        messages: Iterable[bytes],
        *,
        source: str,
        dialect: Dialect,
        fields: Mapping[str, Value] | None = None,
    ) -> list[OutgoingRecord]:
        """The records of messages that arrived together.

        Args:
            messages: Each without its frame.
            source: Collector and sender.
            dialect: What the transport promises of them.
            fields: What the sender said about all of them; wins over what is parsed.
        """
        received = self.now()
        next_id = self._ids.next
        events = [
            self.log(next_id(), message, received, source, dialect, fields) for message in messages
        ]
        return self.records(events, source=source, topic=EVENTS_LOG)

    def log(
        self,
        event_id: str,
        message: bytes,
        received: datetime,
        source: str,
        dialect: Dialect,
        fields: Mapping[str, Value] | None = None,
        sent: datetime | None = None,
    ) -> Event:
        """The event of one message; positional, because it is made for each.

        Args:
            event_id: What it is called for ever.
            message: As received, without its frame.
            received: Our time of receipt.
            source: Collector and sender.
            dialect: What the transport promises.
            fields: What the sender said about it; wins over what is parsed.
            sent: When the transport says that it was sent; stands in for a time of its own.
        """
        parsed = parse(message, received=received, dialect=dialect)
        found = parsed.fields
        if fields:
            found.update(fields)
        if PARSE_ERROR in found:
            self._unparsed.inc()
        return Event(
            id=event_id,
            kind=Kind.LOG,
            time=parsed.time or sent or received,
            observed_time=received,
            source=source,
            fields=found,
            raw=message,
        )

    def event(
        self,
        kind: Kind,
        *,
        time: datetime,
        received: datetime,
        source: str,
        fields: Mapping[str, Value],
        raw: bytes = b"",
    ) -> Event:
        """An event that needs no parser: a sample or a click."""
        return Event(
            id=self._ids.next(),
            kind=kind,
            time=time,
            observed_time=received,
            source=source,
            fields=fields,
            raw=raw,
        )

    def records(
        self, events: list[Event], *, source: str, topic: str | None = None
    ) -> list[OutgoingRecord]:
        """The records of events of one source and kind, counted."""
        if not events:
            return []
        name = topic or EVENT_TOPICS[events[0].kind]
        key = self._spill_over.key(source, len(events), int(time.monotonic()))
        self._received.inc(len(events))
        if key is None:
            self._spilled.inc(len(events))
        return [
            OutgoingRecord(topic=name, value=encode_event(event), key=key, headers=HEADERS)
            for event in events
        ]
