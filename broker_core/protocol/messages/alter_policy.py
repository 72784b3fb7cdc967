"""AlterPolicy (key 10001): request and response, version 0; ours alone, for nodes only.

Apache Kafka's nodes hand their clients' requests on. Ours have worked out by then what is to be
kept, so that no salted password leaves the node that it was sent to.
"""

from dataclasses import dataclass

from broker_core.protocol.primitives import Int16, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEntry:
    """One decision of an operator: what it is about, and what was decided."""

    key: String
    value: String


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterPolicyRequest:
    """Replace and remove entries, if ``known_version`` is still that of the policy."""

    known_version: Int64
    entries: tuple[PolicyEntry, ...]
    deleted: tuple[String, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterPolicyResponse:
    """The policy's version after the change; with INVALID_UPDATE_VERSION, what it is instead."""

    error_code: Int16
    version: Int64
