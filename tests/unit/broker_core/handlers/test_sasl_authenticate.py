"""Signing in through the protocol; and what it opens."""

import pytest
from prometheus_client import REGISTRY

from broker_core.errors import ErrorCode
from broker_core.handlers import sasl_authenticate
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import METADATA, SASL_AUTHENTICATE, SASL_HANDSHAKE
from broker_core.protocol.messages.metadata import MetadataRequest
from broker_core.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest
from tests.support.broker_requests import Ask

RIGHT = SaslAuthenticateRequest(auth_bytes=b"\0web\0secret")
WRONG = SaslAuthenticateRequest(auth_bytes=b"\0web\0guess")


async def test_a_stranger_who_signs_in_may_do_everything(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "10.0.0.5")

    chosen = await ask(session, SASL_HANDSHAKE, 1, SaslHandshakeRequest(mechanism="PLAIN"))
    signed_in = await ask(session, SASL_AUTHENTICATE, 2, RIGHT)
    shown = await ask(session, METADATA, 12, MetadataRequest(topics=None))

    assert (chosen.error_code, signed_in.error_code) == (0, 0)
    assert session.max_frame_bytes == services.settings.max_frame_bytes
    assert "events.log" in {topic.name for topic in shown.topics}


async def test_a_wrong_secret_is_counted_and_its_answer_delayed(
    services: Services, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("broker_core.handlers.sasl_authenticate.asyncio.sleep", note)
    failures = "kafka_server_socketservermetrics_failedauthentication_total"
    before = REGISTRY.get_sample_value(failures) or 0
    session = ClientSession(services, "10.0.0.5")
    await ask(session, SASL_HANDSHAKE, 1, SaslHandshakeRequest(mechanism="PLAIN"))

    answer = await ask(session, SASL_AUTHENTICATE, 1, WRONG)

    assert answer.error_code == ErrorCode.SASL_AUTHENTICATION_FAILED
    assert answer.error_message == "wrong user name or password"
    assert REGISTRY.get_sample_value(failures) == before + 1
    assert waited == [sasl_authenticate.FAILURE_DELAY_SECONDS]
    assert session.max_frame_bytes == services.settings.max_unauthenticated_frame_bytes


async def test_the_mechanism_comes_first(services: Services, ask: Ask) -> None:
    answer = await ask(ClientSession(services, "10.0.0.5"), SASL_AUTHENTICATE, 0, RIGHT)

    assert answer.error_code == ErrorCode.ILLEGAL_SASL_STATE


async def test_another_mechanism_is_refused_with_the_one_there_is(
    services: Services, ask: Ask
) -> None:
    session = ClientSession(services, "10.0.0.5")

    answer = await ask(session, SASL_HANDSHAKE, 1, SaslHandshakeRequest(mechanism="GSSAPI"))

    assert answer.error_code == ErrorCode.UNSUPPORTED_SASL_MECHANISM
    assert answer.mechanisms == ("PLAIN",)
