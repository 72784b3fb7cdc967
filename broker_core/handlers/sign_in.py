"""One step of a sign-in, however its messages travel: in SaslAuthenticate, or bare (KIP-43).

A failure is counted, its answer is delayed and then the connection is closed, so that guessing is
slow and costs a connection each time. A client that signed in may do so again, as the same user,
and must if sessions end (KIP-368). Those of the cluster's nodes do not end: they hold its secret
anyway, and copies would fall behind with every connection that is closed.
"""

import asyncio
from datetime import timedelta

import structlog

from broker_core import metrics
from broker_core.authorizer import Principal
from broker_core.errors import BrokerError, IllegalSaslState, SaslAuthenticationFailed
from broker_core.handlers.services import Client, Services

FAILURE_DELAY_SECONDS = 0.5

log = structlog.get_logger()


async def step(message: bytes, client: Client, services: Services) -> bytes:
    """Take the client's next message, return the mechanism's answer.

    Raises:
        SaslAuthenticationFailed: Wrong, garbled, or as somebody else than before.
        IllegalSaslState: No exchange has begun, or a step of it is still in work.
    """
    exchange, client.exchange = client.exchange, None
    try:
        if exchange is None:
            raise IllegalSaslState("SaslHandshake comes first")
        answer = exchange.step(message)
        if exchange.name is None:
            client.exchange = exchange  # there is more to come
        else:
            _sign_in(exchange.name, client, services)
    except BrokerError as error:
        client.is_refused = True
        metrics.AUTHENTICATION_FAILURES.inc()
        log.warning("sign_in_failed", peer=client.host, reason=str(error))
        await asyncio.sleep(FAILURE_DELAY_SECONDS)
        raise
    return answer


def session_lifetime_ms(client: Client, services: Services) -> int:
    """How long the client's sign-in lasts; 0 for as long as the connection."""
    lifetime = services.settings.session_lifetime
    if lifetime is None or client.principal.name == services.node_user:
        return 0
    return lifetime // timedelta(milliseconds=1)


def _sign_in(name: str, client: Client, services: Services) -> None:
    if client.has_signed_in and client.principal.name != name:
        raise SaslAuthenticationFailed("a connection stays with the user who signed in first")
    client.principal = Principal(name, client.principal.is_local, client.host)
    client.has_signed_in = True
    client.takes_bare_messages = False
    lifetime_ms = session_lifetime_ms(client, services)
    if lifetime_ms:
        client.session_ends_ms = services.clock.now_ms() + lifetime_ms
    metrics.AUTHENTICATIONS.inc()
