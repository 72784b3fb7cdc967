"""SaslHandshake (key 17): request and response, versions 0 to 1."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Int16, String


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslHandshakeRequest:
    """Choose a mechanism before signing in."""

    mechanism: String


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslHandshakeResponse:
    """Whether the mechanism is enabled, and which are."""

    error_code: Int16
    mechanisms: tuple[String, ...] = ()
