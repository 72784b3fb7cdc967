"""ElectLeaders (key 43): request and response, versions 0 to 2."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectedTopic:
    """Partitions of one topic that shall have another leader."""

    topic: String
    partitions: tuple[Int32, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectLeadersRequest:
    """Elect preferred leaders (0), or any live replica where none is in sync (1).

    Null means every partition.
    """

    election_type: Int8 = wire(0, since=1)
    topic_partitions: tuple[ElectedTopic, ...] | None
    timeout_ms: Int32 = 60000


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionResult:
    """Whether one partition has the leader that was asked for."""

    partition_id: Int32
    error_code: Int16
    error_message: String | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionTopicResult:
    """Partitions of one topic."""

    topic: String
    partition_result: tuple[ElectionResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectLeadersResponse:
    """The outcome for every partition."""

    throttle_time_ms: Int32 = 0
    error_code: Int16 = wire(0, since=1)
    replica_election_results: tuple[ElectionTopicResult, ...] = ()
