"""BrokerRegistration (key 62): request and response, version 3; for nodes alone."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Boolean, Int16, Int32, Int64, String, UInt16, Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredListener:
    """Where a node listens; ``security_protocol`` 2 is SASL without TLS."""

    name: String
    host: String
    port: UInt16
    security_protocol: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredFeature:
    """A feature and the versions of it that a node has."""

    name: String
    min_supported_version: Int16
    max_supported_version: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerRegistrationRequest:
    """A node says that it lives.

    ``previous_broker_epoch`` -1 says that its log may lack what it acknowledged (KIP-966).
    """

    broker_id: Int32
    cluster_id: String
    incarnation_id: Uuid
    listeners: tuple[RegisteredListener, ...]
    features: tuple[RegisteredFeature, ...] = ()
    rack: String | None = None
    is_migrating_zk_broker: Boolean = False
    log_dirs: tuple[Uuid, ...]
    previous_broker_epoch: Int64 = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerRegistrationResponse:
    """The epoch that the node has until it registers again."""

    throttle_time_ms: Int32 = 0
    error_code: Int16
    broker_epoch: Int64 = -1
