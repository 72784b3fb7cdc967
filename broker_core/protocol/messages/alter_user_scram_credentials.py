"""AlterUserScramCredentials (key 51): request and response, version 0."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Bytes, Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class ScramCredentialDeletion:
    """A user's mechanism to forget."""

    name: String
    mechanism: Int8


@dataclass(frozen=True, slots=True, kw_only=True)
class ScramCredentialUpsertion:
    """A user's password to set, salted and hashed by the client."""

    name: String
    mechanism: Int8
    iterations: Int32
    salt: Bytes
    salted_password: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterUserScramCredentialsRequest:
    """Set and forget passwords of SCRAM users."""

    deletions: tuple[ScramCredentialDeletion, ...]
    upsertions: tuple[ScramCredentialUpsertion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterUserScramCredentialsResult:
    """What became of one user's changes."""

    user: String
    error_code: Int16
    error_message: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterUserScramCredentialsResponse:
    """One result per user."""

    throttle_time_ms: Int32 = wire(0)
    results: tuple[AlterUserScramCredentialsResult, ...]
