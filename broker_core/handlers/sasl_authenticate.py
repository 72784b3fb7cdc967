"""API key 36, SaslAuthenticate, versions 0 to 2: sign in with the mechanism that was chosen.

What is said in an exchange is :mod:`broker_core.server.sasl`'s business, what follows from it
:mod:`broker_core.handlers.sign_in`'s.

Not done: mechanisms other than PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
"""

from broker_core.errors import BrokerError
from broker_core.handlers import sign_in
from broker_core.handlers.services import Call
from broker_core.protocol.messages.sasl_authenticate import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
)


async def handle(request: SaslAuthenticateRequest, call: Call) -> SaslAuthenticateResponse:
    """Take the next message of the exchange."""
    try:
        answer = await sign_in.step(request.auth_bytes, call.client, call.services)
    except BrokerError as error:
        return SaslAuthenticateResponse(
            error_code=error.code, error_message=str(error), auth_bytes=b""
        )
    return SaslAuthenticateResponse(
        error_code=0,
        error_message=None,
        auth_bytes=answer,
        session_lifetime_ms=sign_in.session_lifetime_ms(call.client, call.services),
    )
