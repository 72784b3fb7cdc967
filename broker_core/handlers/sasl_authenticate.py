"""API key 36, SaslAuthenticate, versions 0 to 2: sign in with SASL PLAIN (RFC 4616).

A wrong password is counted and its answer delayed, so that guessing is slow; the connection stays
anonymous. Signing in again replaces the principal.

Not done: sessions that end (KIP-368); one lasts as long as its connection.
"""

import asyncio

import structlog

from broker_core import metrics
from broker_core.authorizer import Principal
from broker_core.errors import IllegalSaslState, SaslAuthenticationFailed
from broker_core.handlers.services import Call
from broker_core.protocol.messages.sasl_authenticate import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
)

FAILURE_DELAY_SECONDS = 0.5

log = structlog.get_logger()


async def handle(request: SaslAuthenticateRequest, call: Call) -> SaslAuthenticateResponse:
    """Check the one message of the exchange."""
    if call.client.mechanism is None:
        error = IllegalSaslState("SaslHandshake comes first")
        return SaslAuthenticateResponse(
            error_code=error.code, error_message=str(error), auth_bytes=b""
        )
    try:
        name = call.services.authenticate(request.auth_bytes)
    except SaslAuthenticationFailed as error:
        metrics.AUTHENTICATION_FAILURES.inc()
        log.warning("sign_in_failed", peer=call.client.host, client_id=call.client_id[:64])
        await asyncio.sleep(FAILURE_DELAY_SECONDS)
        return SaslAuthenticateResponse(
            error_code=error.code, error_message=str(error), auth_bytes=b""
        )
    call.client.principal = Principal(name, call.client.principal.is_local)
    return SaslAuthenticateResponse(error_code=0, error_message=None, auth_bytes=b"")
