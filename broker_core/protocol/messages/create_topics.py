"""CreateTopics (key 19): request and response, versions 2 to 7."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import NO_UUID, Boolean, Int8, Int16, Int32, String, Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatableReplicaAssignment:
    """The brokers that shall hold one partition."""

    partition_index: Int32
    broker_ids: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatableTopicConfig:
    """A setting of the topic; null: the default."""

    name: String
    value: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatableTopic:
    """A topic to create; -1 partitions or copies: the broker's default."""

    name: String
    num_partitions: Int32
    replication_factor: Int16
    assignments: tuple[CreatableReplicaAssignment, ...]
    configs: tuple[CreatableTopicConfig, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTopicsRequest:
    """Create topics; ``validate_only`` checks without doing it."""

    topics: tuple[CreatableTopic, ...]
    timeout_ms: Int32 = 60000
    validate_only: Boolean = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatableTopicConfigs:
    """A setting of the topic as it is now."""

    name: String
    value: String | None
    read_only: Boolean
    config_source: Int8 = -1
    is_sensitive: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatableTopicResult:
    """A topic as it was created, or why not."""

    name: String
    topic_id: Uuid = wire(NO_UUID, since=7)
    error_code: Int16
    error_message: String | None
    topic_config_error_code: Int16 = wire(0, since=5, tag=0)
    num_partitions: Int32 = wire(-1, since=5)
    replication_factor: Int16 = wire(-1, since=5)
    configs: tuple[CreatableTopicConfigs, ...] | None = wire((), since=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTopicsResponse:
    """The outcome for every topic."""

    throttle_time_ms: Int32 = 0
    topics: tuple[CreatableTopicResult, ...]
