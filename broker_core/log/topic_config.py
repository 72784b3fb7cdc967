"""What a topic may set for itself (Kafka's topic-level configurations), read and checked. Pure.

What a topic does not set comes from the broker's LogSettings. Names and meanings: Kafka
documentation, "Topic Configs".
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from broker_core.errors import InvalidConfig, InvalidRequest
from broker_core.protocol.compression import Codec
from broker_core.protocol.messages.incremental_alter_configs import AlterableConfig
from broker_core.settings import LogSettings

MAX_SEGMENT_BYTES = (1 << 31) - 1  # positions in an index are 32 bits wide
MIN_SEGMENT_BYTES = 1 << 10
UNLIMITED = -1
_INT64_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """How the partitions of one topic are kept.

    Attributes:
        segment_bytes: A segment is sealed before it grows past this.
        segment_ms: A segment is sealed once its first record is older.
        retention_ms: Sealed segments go once they are older; -1 for never.
        retention_bytes: Oldest sealed segments go above this; -1 for no limit.
        max_message_bytes: Largest record batch that is taken.
        is_compacted: Only the last record of each key is kept (``cleanup.policy``).
        is_deleted_by_retention: Retention applies (``cleanup.policy``).
        delete_retention_ms: How long a compacted topic keeps a tombstone.
        min_compaction_lag_ms: How long a record stays before compaction may remove it.
        max_compaction_lag_ms: Compaction does not wait longer than this for more to do.
        min_cleanable_dirty_ratio: Compaction waits until this part of the log is new to it.
        file_delete_delay_ms: Told, but without effect: files go at once, who reads one reads on.
        has_log_append_time: The broker's time replaces the producer's.
        min_insync_replicas: acks=all is refused while fewer replicas are in sync, or all there are.
        codec: How batches are compressed on disk; None: as their producer has.
        flush_ms: Above 0, records are acknowledged before they are synced, which happens at
            least so often; 0: they are not. Decision 17.
        flush_messages: If they are: at most so many records are left to be synced.
    """

    segment_bytes: int
    segment_ms: int
    retention_ms: int
    retention_bytes: int
    max_message_bytes: int
    is_compacted: bool = False
    is_deleted_by_retention: bool = True
    delete_retention_ms: int = 24 * 60 * 60 * 1000
    min_compaction_lag_ms: int = 0
    max_compaction_lag_ms: int = _INT64_MAX
    min_cleanable_dirty_ratio: float = 0.5
    file_delete_delay_ms: int = 60_000
    has_log_append_time: bool = False
    min_insync_replicas: int = 1
    codec: Codec | None = None
    flush_ms: int = 0
    flush_messages: int = _INT64_MAX

    @property
    def is_flushed_lazily(self) -> bool:
        """Whether records are acknowledged before they are on disk."""
        return self.flush_ms > 0 and self.flush_messages > 1

    @property
    def roll_ms(self) -> int:
        """How old the segment that is written to may get; what is in it is not compacted."""
        if self.is_compacted:
            return min(self.segment_ms, self.max_compaction_lag_ms)
        return self.segment_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicConfig:
    """A topic: how many partitions it has and what was set when it was made.

    Attributes:
        topic_id: Tells two topics of one name apart (Metadata v10 and later).
        config: What was set, as text, by Kafka's names; the rest is the broker's.
        held: The numbers of those partitions that this node holds; None is all of them.
    """

    name: str
    topic_id: UUID
    partitions: int
    config: Mapping[str, str]
    held: frozenset[int] | None = None

    @property
    def numbers(self) -> frozenset[int]:
        """The partitions that this node holds."""
        return frozenset(range(self.partitions)) if self.held is None else self.held


def read_log_config(config: Mapping[str, str], settings: LogSettings) -> LogConfig:
    """Return what applies to a topic that sets ``config`` on a broker with ``settings``.

    Raises:
        InvalidConfig: An unknown name, or a value that is not legal.
    """
    resolved = _defaults(settings)
    for name, text in config.items():
        try:
            read = _READERS[name]
        except KeyError:
            raise InvalidConfig(f"{name} is not a topic configuration of this broker") from None
        resolved = replace(resolved, **read(name, text))
    if resolved.min_compaction_lag_ms > resolved.max_compaction_lag_ms:
        raise InvalidConfig(
            f"min.compaction.lag.ms is {resolved.min_compaction_lag_ms}, more than"
            f" max.compaction.lag.ms, {resolved.max_compaction_lag_ms}"
        )
    return resolved


def changed_config(
    config: Mapping[str, str], changes: Iterable[AlterableConfig], settings: LogSettings
) -> dict[str, str]:
    """Return what a topic sets once ``changes`` are applied, as IncrementalAlterConfigs means them.

    Raises:
        InvalidConfig: An unknown name, or a value that is not legal.
        InvalidRequest: An unknown operation.
    """
    effective = describe_log_config(read_log_config(config, settings))
    changed = dict(config)
    for change in changes:
        _change(changed, change, effective)
    read_log_config(changed, settings)
    return changed


def describe_log_config(resolved: LogConfig) -> dict[str, str]:
    """Return every topic configuration with its value as text, as DescribeConfigs lists them."""
    policies = [
        name
        for name, applies in (
            ("compact", resolved.is_compacted),
            ("delete", resolved.is_deleted_by_retention),
        )
        if applies
    ]
    return {
        "cleanup.policy": ",".join(policies),
        "compression.type": "producer" if resolved.codec is None else _CODECS[resolved.codec],
        "delete.retention.ms": str(resolved.delete_retention_ms),
        "file.delete.delay.ms": str(resolved.file_delete_delay_ms),
        "flush.messages": str(resolved.flush_messages),
        "flush.ms": str(resolved.flush_ms),
        "max.compaction.lag.ms": str(resolved.max_compaction_lag_ms),
        "max.message.bytes": str(resolved.max_message_bytes),
        "message.timestamp.type": "LogAppendTime" if resolved.has_log_append_time else "CreateTime",
        "min.cleanable.dirty.ratio": str(resolved.min_cleanable_dirty_ratio),
        "min.compaction.lag.ms": str(resolved.min_compaction_lag_ms),
        "min.insync.replicas": str(resolved.min_insync_replicas),
        "retention.bytes": str(resolved.retention_bytes),
        "retention.ms": str(resolved.retention_ms),
        "segment.bytes": str(resolved.segment_bytes),
        "segment.ms": str(resolved.segment_ms),
    }


def _defaults(settings: LogSettings) -> LogConfig:
    return LogConfig(
        segment_bytes=min(settings.segment_bytes, MAX_SEGMENT_BYTES),
        segment_ms=_milliseconds(settings.segment_age),
        retention_ms=UNLIMITED
        if settings.retention_age is None
        else _milliseconds(settings.retention_age),
        retention_bytes=UNLIMITED if settings.retention_bytes is None else settings.retention_bytes,
        max_message_bytes=settings.max_message_bytes,
    )


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


_Reader = Callable[[str, str], dict[str, Any]]


def _integer(attribute: str, least: int, most: int = _INT64_MAX) -> _Reader:
    def read(name: str, text: str) -> dict[str, Any]:
        try:
            value = int(text)
        except ValueError:
            raise InvalidConfig(f"{name} is {text!r}, not an integer") from None
        if not least <= value <= most:
            raise InvalidConfig(f"{name} is {value}, outside [{least}, {most}]")
        return {attribute: value}

    return read


def _dirty_ratio(name: str, text: str) -> dict[str, Any]:
    try:
        ratio = float(text)
    except ValueError:
        raise InvalidConfig(f"{name} is {text!r}, not a number") from None
    if not 0 <= ratio <= 1:
        raise InvalidConfig(f"{name} is {ratio}, outside [0, 1]")
    return {"min_cleanable_dirty_ratio": ratio}


def _compression_type(name: str, text: str) -> dict[str, Any]:
    for codec, title in _CODECS.items():
        if text == title:
            return {"codec": codec}
    if text != "producer":
        known = ", ".join(_CODECS.values())
        raise InvalidConfig(f"{name} is {text!r}, not producer or one of {known}")
    return {"codec": None}


def _cleanup_policy(name: str, text: str) -> dict[str, Any]:
    policies = {policy.strip() for policy in text.split(",")}
    if not policies or policies - {"compact", "delete"}:
        raise InvalidConfig(f"{name} is {text!r}, not compact, delete or both")
    return {
        "is_compacted": "compact" in policies,
        "is_deleted_by_retention": "delete" in policies,
    }


def _timestamp_type(name: str, text: str) -> dict[str, Any]:
    if text not in ("CreateTime", "LogAppendTime"):
        raise InvalidConfig(f"{name} is {text!r}, not CreateTime or LogAppendTime")
    return {"has_log_append_time": text == "LogAppendTime"}


_CODECS: Mapping[Codec, str] = {
    Codec.NONE: "uncompressed",
    Codec.GZIP: "gzip",
    Codec.SNAPPY: "snappy",
    Codec.LZ4: "lz4",
    Codec.ZSTD: "zstd",
}
_READERS: Mapping[str, _Reader] = {
    "cleanup.policy": _cleanup_policy,
    "compression.type": _compression_type,
    "delete.retention.ms": _integer("delete_retention_ms", 0),
    "file.delete.delay.ms": _integer("file_delete_delay_ms", 0),
    "flush.messages": _integer("flush_messages", 1),
    "flush.ms": _integer("flush_ms", 0),
    "max.compaction.lag.ms": _integer("max_compaction_lag_ms", 1),
    "max.message.bytes": _integer("max_message_bytes", 1, MAX_SEGMENT_BYTES),
    "message.timestamp.type": _timestamp_type,
    "min.cleanable.dirty.ratio": _dirty_ratio,
    "min.compaction.lag.ms": _integer("min_compaction_lag_ms", 0),
    "min.insync.replicas": _integer("min_insync_replicas", 1, 32767),
    "retention.bytes": _integer("retention_bytes", UNLIMITED),
    "retention.ms": _integer("retention_ms", UNLIMITED),
    "segment.bytes": _integer("segment_bytes", MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES),
    "segment.ms": _integer("segment_ms", 1),
}


_SET, _DELETE, _APPEND, _SUBTRACT = range(4)


def _change(config: dict[str, str], change: AlterableConfig, effective: Mapping[str, str]) -> None:
    if change.name not in effective:
        raise InvalidConfig(f"{change.name} is not a topic configuration of this broker")
    if change.config_operation == _DELETE:
        config.pop(change.name, None)
        return
    if change.value is None:
        raise InvalidConfig(f"{change.name} needs a value")
    listed = [part for part in effective[change.name].split(",") if part]
    named = [part.strip() for part in change.value.split(",")]
    if change.config_operation == _SET:
        config[change.name] = change.value
    elif change.config_operation == _APPEND:
        config[change.name] = ",".join(listed + [part for part in named if part not in listed])
    elif change.config_operation == _SUBTRACT:
        config[change.name] = ",".join(part for part in listed if part not in named)
    else:
        raise InvalidRequest(f"operation {change.config_operation}")
