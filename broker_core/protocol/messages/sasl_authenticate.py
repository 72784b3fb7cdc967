"""SaslAuthenticate (key 36): request and response, versions 0 to 2."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Bytes, Int16, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslAuthenticateRequest:
    """One message of the mechanism chosen."""

    auth_bytes: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslAuthenticateResponse:
    """The mechanism's answer; ``session_lifetime_ms`` 0: for as long as the connection."""

    error_code: Int16
    error_message: String | None
    auth_bytes: Bytes
    session_lifetime_ms: Int64 = wire(0, since=1)
