"""DescribeConfigs (key 32): request and response, versions 1 to 4."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeConfigsResource:
    """A resource (2: topic, 4: broker) and the settings asked for, null for all."""

    resource_type: Int8
    resource_name: String
    configuration_keys: tuple[String, ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeConfigsRequest:
    """Ask for settings."""

    resources: tuple[DescribeConfigsResource, ...]
    include_synonyms: Boolean = False
    include_documentation: Boolean = wire(False, since=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeConfigsSynonym:
    """Where else a setting's value could come from."""

    name: String
    value: String | None
    source: Int8


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeConfigsResourceResult:
    """A setting and where its value comes from."""

    name: String
    value: String | None
    read_only: Boolean
    config_source: Int8 = -1
    is_sensitive: Boolean
    synonyms: tuple[DescribeConfigsSynonym, ...]
    config_type: Int8 = wire(0, since=3)
    documentation: String | None = wire(None, since=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeConfigsResult:
    """The settings of one resource."""

    error_code: Int16
    error_message: String | None
    resource_type: Int8
    resource_name: String
    configs: tuple[DescribeConfigsResourceResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeConfigsResponse:
    """The settings, in the order of the request."""

    throttle_time_ms: Int32 = 0
    results: tuple[DescribeConfigsResult, ...]
