"""WriteTxnMarkers (key 27): request and response, version 1; for nodes alone.

With two tagged fields of ours, which Kafka's nodes would skip.
"""

from dataclasses import dataclass

from broker_core.protocol.message import OUR_TAGS, wire
from broker_core.protocol.primitives import Boolean, Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class WritableTxnMarkerTopic:
    """The partitions of one topic, and in which epochs the receiver is thought to lead them."""

    name: String
    partition_indexes: tuple[Int32, ...]
    leader_epochs: tuple[Int32, ...] = wire((), tag=OUR_TAGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class WritableTxnMarker:
    """How a producer's transaction ended, and where to write that."""

    producer_id: Int64
    producer_epoch: Int16
    transaction_result: Boolean
    topics: tuple[WritableTxnMarkerTopic, ...]
    coordinator_epoch: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerSender:
    """The connection that a request is sent on; ``line`` counts those of a node."""

    node_id: Int32
    node_epoch: Int64
    line: Int32


NO_SENDER = MarkerSender(node_id=-1, node_epoch=-1, line=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTxnMarkersRequest:
    """End transactions in partitions that the receiver leads (KIP-98)."""

    markers: tuple[WritableTxnMarker, ...]
    sender: MarkerSender = wire(NO_SENDER, tag=OUR_TAGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class WritableTxnMarkerPartitionResult:
    """Whether the marker is on the disk of every in-sync replica."""

    partition_index: Int32
    error_code: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class WritableTxnMarkerTopicResult:
    """The partitions of one topic."""

    name: String
    partitions: tuple[WritableTxnMarkerPartitionResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WritableTxnMarkerResult:
    """What became of one marker."""

    producer_id: Int64
    topics: tuple[WritableTxnMarkerTopicResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteTxnMarkersResponse:
    """The outcome for every partition."""

    markers: tuple[WritableTxnMarkerResult, ...]
