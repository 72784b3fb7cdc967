"""How tests of the broker's handlers ask a session."""

from collections.abc import Callable, Coroutine
from typing import Any

from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import SASL_AUTHENTICATE, SASL_HANDSHAKE
from broker_core.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest

# ask(session, api, version, request) -> response
Ask = Callable[..., Coroutine[Any, Any, Any]]


async def signed_in(services: Services, ask: Ask) -> ClientSession:
    """A session of user ``web``, who may do everything."""
    session = ClientSession(services, "127.0.0.1")
    await ask(session, SASL_HANDSHAKE, 1, SaslHandshakeRequest(mechanism="PLAIN"))
    secret = SaslAuthenticateRequest(auth_bytes=b"\0web\0secret")
    answer = await ask(session, SASL_AUTHENTICATE, 2, secret)
    assert answer.error_code == 0
    return session
