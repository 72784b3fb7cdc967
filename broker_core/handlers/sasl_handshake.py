"""API key 17, SaslHandshake, version 1: choose a mechanism before signing in.

Not done: version 0, after which the exchange goes on outside the protocol; mechanisms other than
PLAIN.
"""

from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.sasl_handshake import (
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)

PLAIN = "PLAIN"


async def handle(request: SaslHandshakeRequest, call: Call) -> SaslHandshakeResponse:
    """Note the mechanism, or name those there are."""
    if request.mechanism != PLAIN:
        return SaslHandshakeResponse(
            error_code=ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms=(PLAIN,)
        )
    call.client.mechanism = request.mechanism
    return SaslHandshakeResponse(error_code=ErrorCode.NONE, mechanisms=(PLAIN,))
