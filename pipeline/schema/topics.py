"""Topic names, partitions and retention: who writes what where."""

from dataclasses import dataclass

DAY_MS = 24 * 60 * 60 * 1000

EVENTS_LOG = "events.log"
EVENTS_METRIC = "events.metric"
EVENTS_CLICK = "events.click"
ALERTS = "alerts"
HITS = "detections.hits"
STATE = "detections.state"
DEAD_LETTER = "dead-letter"
DELIVERIES = "deliveries"
CONTROL = "control"
CONTROL_HISTORY = "control.history"
AUDIT = "audit"
RAW_PREFIX = "raw."

EVENT_TOPICS = {"log": EVENTS_LOG, "metric": EVENTS_METRIC, "click": EVENTS_CLICK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic that first_run creates.

    Attributes:
        name: As Kafka clients name it.
        partitions: How far its consumers can spread.
        retention_ms: Age at which whole segments go; -1 for never.
        compacted: Whether only the last record of each key is kept (``cleanup.policy``).
        key: What its records are keyed by, in words.
    """

    name: str
    partitions: int
    retention_ms: int
    key: str
    compacted: bool = False


TOPICS = (
    Topic(name="raw.syslog", partitions=3, retention_ms=3 * DAY_MS, key="the producer's choice"),
    Topic(name="raw.json", partitions=3, retention_ms=3 * DAY_MS, key="the producer's choice"),
    Topic(name="raw.windows", partitions=3, retention_ms=3 * DAY_MS, key="the producer's choice"),
    Topic(name=EVENTS_LOG, partitions=6, retention_ms=7 * DAY_MS, key="source"),
    Topic(name=EVENTS_METRIC, partitions=3, retention_ms=3 * DAY_MS, key="source"),
    Topic(name=EVENTS_CLICK, partitions=3, retention_ms=7 * DAY_MS, key="source"),
    Topic(name=HITS, partitions=3, retention_ms=3 * DAY_MS, key="rule id and group key"),
    Topic(name=STATE, partitions=3, retention_ms=-1, key="part of a group", compacted=True),
    Topic(name=ALERTS, partitions=3, retention_ms=90 * DAY_MS, key="rule id"),
    Topic(name=DEAD_LETTER, partitions=1, retention_ms=30 * DAY_MS, key="source"),
    Topic(name=DELIVERIES, partitions=1, retention_ms=90 * DAY_MS, key="alert id"),
    Topic(name=AUDIT, partitions=1, retention_ms=-1, key="account"),
    Topic(name=CONTROL, partitions=1, retention_ms=-1, key="kind and id", compacted=True),
    Topic(name=CONTROL_HISTORY, partitions=1, retention_ms=-1, key="kind and id"),
)
