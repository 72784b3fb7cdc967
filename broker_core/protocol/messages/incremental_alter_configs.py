"""IncrementalAlterConfigs (key 44): request and response, versions 0 to 1."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Boolean, Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterableConfig:
    """A setting and what to do: 0 set, 1 delete, 2 append, 3 subtract."""

    name: String
    config_operation: Int8
    value: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterConfigsResource:
    """A resource and the changes to its settings."""

    resource_type: Int8
    resource_name: String
    configs: tuple[AlterableConfig, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncrementalAlterConfigsRequest:
    """Change single settings of resources."""

    resources: tuple[AlterConfigsResource, ...]
    validate_only: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterConfigsResourceResponse:
    """Whether the changes to one resource are in force."""

    error_code: Int16
    error_message: String | None
    resource_type: Int8
    resource_name: String


@dataclass(frozen=True, slots=True, kw_only=True)
class IncrementalAlterConfigsResponse:
    """The outcome for every resource."""

    throttle_time_ms: Int32 = 0
    responses: tuple[AlterConfigsResourceResponse, ...]
