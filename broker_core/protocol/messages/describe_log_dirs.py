"""DescribeLogDirs (key 35): request and response, versions 1 to 4."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribableLogDirTopic:
    """A topic and those of its partitions that are asked for."""

    topic: String
    partitions: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeLogDirsRequest:
    """Ask what lies in the log directories; null topics: everything."""

    topics: tuple[DescribableLogDirTopic, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeLogDirsPartition:
    """One partition on disk; a future one is moving between directories."""

    partition_index: Int32
    partition_size: Int64
    offset_lag: Int64
    is_future_key: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeLogDirsTopic:
    """Partitions of one topic."""

    name: String
    partitions: tuple[DescribeLogDirsPartition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeLogDirsResult:
    """One log directory, and the volume that it is on."""

    error_code: Int16
    log_dir: String
    topics: tuple[DescribeLogDirsTopic, ...]
    total_bytes: Int64 = wire(-1, since=4)
    usable_bytes: Int64 = wire(-1, since=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeLogDirsResponse:
    """Every log directory."""

    throttle_time_ms: Int32 = 0
    error_code: Int16 = wire(0, since=3)
    results: tuple[DescribeLogDirsResult, ...]
