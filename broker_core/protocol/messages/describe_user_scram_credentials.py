"""DescribeUserScramCredentials (key 50): request and response, version 0."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class UserName:
    """One user asked for."""

    name: String


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeUserScramCredentialsRequest:
    """Ask which SCRAM mechanisms users have credentials for; null or none for all users."""

    users: tuple[UserName, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialInfo:
    """A mechanism and how often its password is hashed; never the credential itself."""

    mechanism: Int8
    iterations: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeUserScramCredentialsResult:
    """One user's mechanisms."""

    user: String
    error_code: Int16
    error_message: String | None
    credential_infos: tuple[CredentialInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeUserScramCredentialsResponse:
    """One result per user."""

    throttle_time_ms: Int32 = wire(0)
    error_code: Int16
    error_message: String | None
    results: tuple[DescribeUserScramCredentialsResult, ...]
