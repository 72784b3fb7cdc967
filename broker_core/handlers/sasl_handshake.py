"""API key 17, SaslHandshake, versions 0 to 1: choose a mechanism before signing in, or in again.

After version 0 the mechanism's messages follow bare, without headers (KIP-43); after version 1 they
travel in SaslAuthenticate. librdkafka before 2.2 speaks SASL only to brokers that know both.

Not done: mechanisms other than PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
"""

from broker_core.errors import ErrorCode, UnsupportedSaslMechanism
from broker_core.handlers.services import Call
from broker_core.protocol.messages.sasl_handshake import (
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)


async def handle(request: SaslHandshakeRequest, call: Call) -> SaslHandshakeResponse:
    """Begin an exchange, or name the mechanisms there are."""
    mechanisms = call.services.mechanisms
    error_code = ErrorCode.NONE
    try:
        call.client.exchange = mechanisms.begin(request.mechanism)
        call.client.takes_bare_messages = call.version == 0
    except UnsupportedSaslMechanism as error:
        error_code = error.code
    return SaslHandshakeResponse(error_code=error_code, mechanisms=tuple(mechanisms.names))
