"""DeleteTopics (key 20): request and response, versions 1 to 6."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import NO_UUID, Int16, Int32, String, Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTopicState:
    """A topic to delete, by name or by id; since version 6."""

    name: String | None = None
    topic_id: Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTopicsRequest:
    """Delete topics."""

    topics: tuple[DeleteTopicState, ...] = wire((), since=6)
    topic_names: tuple[String, ...] = wire((), until=5)
    timeout_ms: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletableTopicResult:
    """Whether one topic is gone."""

    name: String | None = wire(nullable_since=6)
    topic_id: Uuid = wire(NO_UUID, since=6)
    error_code: Int16
    error_message: String | None = wire(None, since=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteTopicsResponse:
    """The outcome for every topic."""

    throttle_time_ms: Int32 = 0
    responses: tuple[DeletableTopicResult, ...]
