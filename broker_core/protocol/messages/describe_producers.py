"""DescribeProducers (key 61): request and response, version 0 (KIP-664)."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeProducersTopic:
    """A topic and those of its partitions that are asked for."""

    name: String
    partition_indexes: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeProducersRequest:
    """Ask which producers with an id have written to partitions, and what they have open."""

    topics: tuple[DescribeProducersTopic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveProducer:
    """A producer as a partition knows it; -1 for what there is not."""

    producer_id: Int64
    producer_epoch: Int32
    last_sequence: Int32 = wire(-1)
    last_timestamp: Int64 = wire(-1)
    coordinator_epoch: Int32
    current_txn_start_offset: Int64 = wire(-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedPartitionProducers:
    """The producers of one partition, or why they are not told."""

    partition_index: Int32
    error_code: Int16
    error_message: String | None = wire(None)
    active_producers: tuple[ActiveProducer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedTopicProducers:
    """The partitions of one topic."""

    name: String
    partitions: tuple[DescribedPartitionProducers, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeProducersResponse:
    """The partitions, in the order of the request."""

    throttle_time_ms: Int32 = wire(0)
    topics: tuple[DescribedTopicProducers, ...]
