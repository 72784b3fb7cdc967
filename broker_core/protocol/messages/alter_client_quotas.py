"""AlterClientQuotas (key 49): request and response, versions 0 to 1."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Float64, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityData:
    """A part of an entity; without a name the default."""

    entity_type: String
    entity_name: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpData:
    """A quota to set, or to remove."""

    key: String
    value: Float64
    remove: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryData:
    """What changes for one entity."""

    entity: tuple[EntityData, ...]
    ops: tuple[OpData, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterClientQuotasRequest:
    """Change the quotas of entities; ``validate_only`` checks without doing it."""

    entries: tuple[EntryData, ...]
    validate_only: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryResponseData:
    """What became of one entity's changes."""

    error_code: Int16
    error_message: String | None
    entity: tuple[EntityData, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterClientQuotasResponse:
    """One result for each entity, in the order of the request."""

    throttle_time_ms: Int32 = wire(0)
    entries: tuple[EntryResponseData, ...]
