"""AlterConfigs (key 33): request and response, versions 0 to 2."""

from dataclasses import dataclass

from broker_core.protocol.messages.incremental_alter_configs import AlterConfigsResourceResponse
from broker_core.protocol.primitives import Boolean, Int8, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterableConfig:
    """A setting; null: its default."""

    name: String
    value: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterConfigsResource:
    """A resource and everything that it shall set."""

    resource_type: Int8
    resource_name: String
    configs: tuple[AlterableConfig, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterConfigsRequest:
    """Replace what resources set; what is not named goes back to its default."""

    resources: tuple[AlterConfigsResource, ...]
    validate_only: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterConfigsResponse:
    """The outcome for every resource."""

    throttle_time_ms: Int32 = 0
    responses: tuple[AlterConfigsResourceResponse, ...]
