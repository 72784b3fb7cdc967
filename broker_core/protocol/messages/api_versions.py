"""ApiVersions (key 18): request and response, versions 0 to 4."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiVersionsRequest:
    """Ask what is spoken here; names the client's library."""

    client_software_name: String = wire("", since=3)
    client_software_version: String = wire("", since=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiVersion:
    """An API key and the versions of it that are answered."""

    api_key: Int16
    min_version: Int16
    max_version: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedFeatureKey:
    """A feature of the cluster and the levels it supports."""

    name: String
    min_version: Int16
    max_version: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalizedFeatureKey:
    """A feature of the cluster and the levels in force."""

    name: String
    max_version_level: Int16
    min_version_level: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiVersionsResponse:
    """What is spoken here."""

    error_code: Int16
    api_keys: tuple[ApiVersion, ...]
    throttle_time_ms: Int32 = wire(0, since=1)
    supported_features: tuple[SupportedFeatureKey, ...] = wire((), since=3, tag=0)
    finalized_features_epoch: Int64 = wire(-1, since=3, tag=1)
    finalized_features: tuple[FinalizedFeatureKey, ...] = wire((), since=3, tag=2)
