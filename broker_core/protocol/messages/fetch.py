"""Fetch (key 1): request and response, versions 4 to 12."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int8, Int16, Int32, Int64, Records, String


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPartition:
    """From where to read one partition, and how many bytes at most."""

    partition: Int32
    current_leader_epoch: Int32 = wire(-1, since=9)
    fetch_offset: Int64
    last_fetched_epoch: Int32 = wire(-1, since=12)
    log_start_offset: Int64 = wire(-1, since=5)
    partition_max_bytes: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTopic:
    """The partitions of one topic to read."""

    topic: String
    partitions: tuple[FetchPartition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenTopic:
    """Partitions to take out of a fetch session (KIP-227)."""

    topic: String
    partitions: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """Read batches; wait up to ``max_wait_ms`` until there are ``min_bytes``."""

    cluster_id: String | None = wire(None, since=12, tag=0)
    replica_id: Int32 = -1
    max_wait_ms: Int32
    min_bytes: Int32
    max_bytes: Int32 = 2147483647
    isolation_level: Int8 = 0
    session_id: Int32 = wire(0, since=7)
    session_epoch: Int32 = wire(-1, since=7)
    topics: tuple[FetchTopic, ...]
    forgotten_topics_data: tuple[ForgottenTopic, ...] = wire((), since=7)
    rack_id: String = wire("", since=11)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortedTransaction:
    """A transaction whose records a read-committed consumer skips."""

    producer_id: Int64
    first_offset: Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochEndOffset:
    """The largest leader epoch up to the one that was told, and where it ends (KIP-595)."""

    epoch: Int32 = -1
    end_offset: Int64 = -1


NOT_DIVERGING = EpochEndOffset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionData:
    """Whole batches from one partition; the first may begin before the offset asked for."""

    partition_index: Int32
    error_code: Int16
    high_watermark: Int64
    last_stable_offset: Int64 = -1
    log_start_offset: Int64 = wire(-1, since=5)
    diverging_epoch: EpochEndOffset = wire(NOT_DIVERGING, since=12, tag=0)
    aborted_transactions: tuple[AbortedTransaction, ...] | None
    preferred_read_replica: Int32 = wire(-1, since=11)
    records: Records | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchableTopicResponse:
    """The partitions of one topic."""

    topic: String
    partitions: tuple[PartitionData, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResponse:
    """What was read, in a fetch session what of it is new; ``session_id`` 0: there is none."""

    throttle_time_ms: Int32 = 0
    error_code: Int16 = wire(0, since=7)
    session_id: Int32 = wire(0, since=7)
    responses: tuple[FetchableTopicResponse, ...]
