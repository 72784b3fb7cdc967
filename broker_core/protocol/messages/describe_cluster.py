"""DescribeCluster (key 60): request and response, versions 0 to 1."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeClusterRequest:
    """Ask who the brokers are."""

    include_cluster_authorized_operations: Boolean
    endpoint_type: Int8 = wire(1, since=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeClusterBroker:
    """A broker and where clients reach it."""

    broker_id: Int32
    host: String
    port: Int32
    rack: String | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeClusterResponse:
    """The cluster's id, controller and brokers."""

    throttle_time_ms: Int32 = 0
    error_code: Int16
    error_message: String | None = None
    endpoint_type: Int8 = wire(1, since=1)
    cluster_id: String
    controller_id: Int32 = -1
    brokers: tuple[DescribeClusterBroker, ...]
    cluster_authorized_operations: Int32 = -2147483648
