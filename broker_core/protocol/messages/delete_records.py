"""DeleteRecords (key 21): request and response, versions 0 to 2."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecordsPartition:
    """The offset below which records may go; -1: the high watermark."""

    partition_index: Int32
    offset: Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecordsTopic:
    """The partitions of one topic."""

    name: String
    partitions: tuple[DeleteRecordsPartition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecordsRequest:
    """Forget the oldest records of partitions."""

    topics: tuple[DeleteRecordsTopic, ...]
    timeout_ms: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecordsPartitionResult:
    """The new log start offset."""

    partition_index: Int32
    low_watermark: Int64
    error_code: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecordsTopicResult:
    """The partitions of one topic."""

    name: String
    partitions: tuple[DeleteRecordsPartitionResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteRecordsResponse:
    """The outcome for every partition."""

    throttle_time_ms: Int32 = 0
    topics: tuple[DeleteRecordsTopicResult, ...]
