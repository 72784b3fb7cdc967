"""Produce (key 0): request and response, versions 3 to 11."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, Int64, Records, String


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionProduceData:
    """The record batches for one partition; opaque until the log checks them."""

    index: Int32
    records: Records | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicProduceData:
    """What goes to one topic."""

    name: String
    partition_data: tuple[PartitionProduceData, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProduceRequest:
    """Append record batches; ``acks`` is 0 (no answer), 1 or -1 (all in-sync replicas)."""

    transactional_id: String | None = None
    acks: Int16
    timeout_ms: Int32
    topic_data: tuple[TopicProduceData, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchIndexAndErrorMessage:
    """A record that made its batch fail, by its index in the batch."""

    batch_index: Int32
    batch_index_error_message: String | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionProduceResponse:
    """Where the batch lies now; ``log_append_time_ms`` is -1 for producer timestamps."""

    index: Int32
    error_code: Int16
    base_offset: Int64
    log_append_time_ms: Int64 = -1
    log_start_offset: Int64 = wire(-1, since=5)
    record_errors: tuple[BatchIndexAndErrorMessage, ...] = wire((), since=8)
    error_message: String | None = wire(None, since=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicProduceResponse:
    """The answers for one topic."""

    name: String
    partition_responses: tuple[PartitionProduceResponse, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProduceResponse:
    """One answer for each partition, in the order of the request."""

    responses: tuple[TopicProduceResponse, ...]
    throttle_time_ms: Int32 = 0
