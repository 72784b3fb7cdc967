"""Alert: one rule firing, with the events that caused it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

import msgspec

from pipeline.schema.event import Value, uuid8

LEVELS = ("informational", "low", "medium", "high", "critical")


class EventPosition(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a rule fired on, and where it lay in the log when it did.

    Attributes:
        id: The event's id; outlives the log.
        topic, partition, offset: Its position; changes when a log is mirrored.
        time: The event's time, so that the store can find it without a full scan.
    """

    id: str
    topic: str
    partition: int
    offset: int
    time: datetime


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One rule firing.

    Attributes:
        id: ``alert_id(…)``: the same rule on the same events gives the same alert.
        rule_id: The Sigma rule's id (a UUID by the specification, §"ID").
        rule_title: Its title.
        rule_revision: Digest of the rule's text, 12 hex digits.
        rule_author: Its author; DRL 1.1 demands that an alert carries it. May be empty.
        level: One of ``LEVELS``.
        tags: Its tags, for example ``attack.t1110``.
        time: Event time of the event that completes the alert.
        observed_time: When the detector wrote it, in UTC.
        group: For a correlation, the group-by fields and their values; else empty.
        matched: The fields of the completing event that made the rule match, with values.
        entity: What a person would name it by (host, user or address); may be empty.
        events: The events that caused it, at most 1,000, the completing one last.
        event_count: How many there were; may exceed ``len(events)``.
        source: The source of the completing event.
    """

    id: str
    rule_id: str
    rule_title: str
    rule_revision: str
    rule_author: str
    level: str
    tags: Sequence[str]
    time: datetime
    observed_time: datetime
    group: Mapping[str, str]
    matched: Mapping[str, Value]
    entity: str
    events: Sequence[EventPosition]
    event_count: int
    source: str


def alert_id(rule_id: str, revision: str, group: Mapping[str, str], event_id: str) -> str:
    """The alert's id, a version 8 UUID over what makes it this alert and no other."""
    digest = sha256()
    parts = [rule_id, revision, *(f"{name}={group[name]}" for name in sorted(group)), event_id]
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return str(uuid8(digest.digest()))
