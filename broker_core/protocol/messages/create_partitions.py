"""CreatePartitions (key 37): request and response, versions 0 to 3."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Boolean, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePartitionsAssignment:
    """The brokers that shall hold one new partition."""

    broker_ids: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePartitionsTopic:
    """A topic and the number of partitions it shall have in all."""

    name: String
    count: Int32
    assignments: tuple[CreatePartitionsAssignment, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePartitionsRequest:
    """Add partitions to topics."""

    topics: tuple[CreatePartitionsTopic, ...]
    timeout_ms: Int32
    validate_only: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePartitionsTopicResult:
    """Whether one topic has as many partitions now."""

    name: String
    error_code: Int16
    error_message: String | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePartitionsResponse:
    """The outcome for every topic."""

    throttle_time_ms: Int32 = 0
    results: tuple[CreatePartitionsTopicResult, ...]
