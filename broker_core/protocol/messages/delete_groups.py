"""DeleteGroups (key 42): request and response, versions 0 to 2."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteGroupsRequest:
    """Forget groups that have no members."""

    groups_names: tuple[String, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletableGroupResult:
    """Whether one group is gone."""

    group_id: String
    error_code: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteGroupsResponse:
    """The outcome for every group."""

    throttle_time_ms: Int32 = 0
    results: tuple[DeletableGroupResult, ...]
