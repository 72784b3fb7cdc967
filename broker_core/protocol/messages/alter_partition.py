"""AlterPartition (key 56): request and response, version 3; for nodes alone."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Int8, Int16, Int32, Int64, Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerState:
    """A member of the in-sync set, as its leader knows it (KIP-903)."""

    broker_id: Int32
    broker_epoch: Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionData:
    """The in-sync set that a leader asks for, and what it takes the partition to be now."""

    partition_index: Int32
    leader_epoch: Int32
    new_isr_with_epochs: tuple[BrokerState, ...]
    leader_recovery_state: Int8 = 0
    partition_epoch: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicData:
    """Partitions of one topic."""

    topic_id: Uuid
    partitions: tuple[PartitionData, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterPartitionRequest:
    """Change in-sync sets (KIP-497)."""

    broker_id: Int32
    broker_epoch: Int64
    topics: tuple[TopicData, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlteredPartition:
    """A partition as it is after the request, or why it did not change."""

    partition_index: Int32
    error_code: Int16
    leader_id: Int32 = -1
    leader_epoch: Int32 = -1
    isr: tuple[Int32, ...] = ()
    leader_recovery_state: Int8 = 0
    partition_epoch: Int32 = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class AlteredTopic:
    """Partitions of one topic."""

    topic_id: Uuid
    partitions: tuple[AlteredPartition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterPartitionResponse:
    """The outcome for every partition, or why nothing was looked at."""

    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    topics: tuple[AlteredTopic, ...] = ()
