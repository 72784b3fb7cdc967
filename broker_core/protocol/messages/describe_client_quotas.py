"""DescribeClientQuotas (key 48): request and response, versions 0 to 1."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Float64, Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentData:
    """Which entities of a type are meant: 0 by name, 1 the default, 2 any."""

    entity_type: String
    match_type: Int8
    match: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeClientQuotasRequest:
    """Ask for the quotas of entities; ``strict`` leaves out those of further types."""

    components: tuple[ComponentData, ...]
    strict: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityData:
    """A part of an entity; without a name the default."""

    entity_type: String
    entity_name: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueData:
    """A quota and its value."""

    key: String
    value: Float64


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryData:
    """An entity and its quotas."""

    entity: tuple[EntityData, ...]
    values: tuple[ValueData, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeClientQuotasResponse:
    """The entities that match."""

    throttle_time_ms: Int32 = wire(0)
    error_code: Int16
    error_message: String | None
    entries: tuple[EntryData, ...] | None
