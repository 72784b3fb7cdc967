"""What follows from a step of a sign-in: principal, lifetime, refusal, delay."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from broker_core.authorizer import ANONYMOUS, Principal
from broker_core.errors import ConnectionRefused, IllegalSaslState, SaslAuthenticationFailed
from broker_core.handlers import sign_in
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Client, Services
from broker_core.protocol.api_keys import METADATA, SASL_AUTHENTICATE, SASL_HANDSHAKE
from broker_core.protocol.messages.metadata import MetadataRequest
from broker_core.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest
from tests.support.broker_requests import Ask
from tests.support.partition import TurnedClock

PLAIN = SaslHandshakeRequest(mechanism="PLAIN")
RIGHT = SaslAuthenticateRequest(auth_bytes=b"\0web\0secret")
EVERYTHING = MetadataRequest(topics=None)
FAILURES = "kafka_server_socketservermetrics_failedauthentication_total"


def client_of(services: Services, name: str = ANONYMOUS) -> Client:
    client = Client(principal=Principal(name, is_local=False), host="10.0.0.5")
    client.has_signed_in = name != ANONYMOUS
    client.exchange = services.mechanisms.begin("PLAIN")
    return client


async def test_a_failure_is_counted_delayed_and_final(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    before = REGISTRY.get_sample_value(FAILURES) or 0
    client = client_of(services)

    with pytest.raises(SaslAuthenticationFailed):
        await sign_in.step(b"\0web\0guess", client, services)

    assert waited == [sign_in.FAILURE_DELAY_SECONDS]
    assert REGISTRY.get_sample_value(FAILURES) == before + 1
    assert client.is_refused
    assert client.principal.is_anonymous


async def test_guesses_sent_together_are_not_all_tried(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "FAILURE_DELAY_SECONDS", 0)
    client = client_of(services)

    outcomes = await asyncio.gather(
        *(sign_in.step(guess, client, services) for guess in (b"\0web\0guess", b"\0web\0secret")),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [SaslAuthenticationFailed, IllegalSaslState]
    assert client.principal.is_anonymous


async def test_nobody_becomes_somebody_else(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "FAILURE_DELAY_SECONDS", 0)
    client = client_of(services, "sinks")

    with pytest.raises(SaslAuthenticationFailed, match="stays with the user"):
        await sign_in.step(b"\0web\0secret", client, services)

    assert client.principal.name == "sinks"


async def test_a_session_ends_unless_it_is_renewed(services: Services, ask: Ask) -> None:
    clock = TurnedClock()
    lifetime = timedelta(seconds=10)
    settings = services.settings.model_copy(update={"session_lifetime": lifetime})
    session = ClientSession(replace(services, clock=clock, settings=settings), "10.0.0.5")

    await ask(session, SASL_HANDSHAKE, 1, PLAIN)
    answer = await ask(session, SASL_AUTHENTICATE, 2, RIGHT)
    clock.turn(10_000)
    await ask(session, METADATA, 12, EVERYTHING)
    await ask(session, SASL_HANDSHAKE, 1, PLAIN)
    await ask(session, SASL_AUTHENTICATE, 2, RIGHT)
    clock.turn(10_000)
    await ask(session, METADATA, 12, EVERYTHING)
    clock.turn(1)

    assert answer.session_lifetime_ms == 10_000
    with pytest.raises(ConnectionRefused, match="without a new sign-in"):
        await ask(session, METADATA, 12, EVERYTHING)


async def test_the_session_of_a_node_does_not_end(services: Services, ask: Ask) -> None:
    clock = TurnedClock()
    settings = services.settings.model_copy(update={"session_lifetime": timedelta(seconds=10)})
    of_cluster = replace(services, clock=clock, settings=settings, node_user="web")
    session = ClientSession(of_cluster, "127.0.0.1")

    await ask(session, SASL_HANDSHAKE, 1, PLAIN)
    answer = await ask(session, SASL_AUTHENTICATE, 2, RIGHT)
    clock.turn(3_600_000)

    assert answer.session_lifetime_ms == 0
    assert (await ask(session, METADATA, 12, EVERYTHING)).topics
