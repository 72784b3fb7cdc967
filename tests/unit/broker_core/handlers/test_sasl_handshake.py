"""Choosing a mechanism; and what follows a handshake of version 0."""

import pytest

from broker_core.errors import ErrorCode, SaslAuthenticationFailed
from broker_core.handlers import sign_in
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import METADATA, SASL_HANDSHAKE
from broker_core.protocol.messages.metadata import MetadataRequest
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest
from tests.support.broker_requests import Ask

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_each_mechanism_can_be_chosen(services: Services, ask: Ask, mechanism: str) -> None:
    session = ClientSession(services, "10.0.0.5")

    answer = await ask(session, SASL_HANDSHAKE, 1, SaslHandshakeRequest(mechanism=mechanism))

    assert (answer.error_code, answer.mechanisms) == (0, MECHANISMS)


async def test_another_is_refused_with_those_there_are(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "10.0.0.5")

    answer = await ask(session, SASL_HANDSHAKE, 1, SaslHandshakeRequest(mechanism="GSSAPI"))

    assert answer.error_code == ErrorCode.UNSUPPORTED_SASL_MECHANISM
    assert answer.mechanisms == MECHANISMS


async def test_after_version_0_messages_come_bare_until_signed_in(
    services: Services, ask: Ask
) -> None:
    session = ClientSession(services, "10.0.0.5")
    await ask(session, SASL_HANDSHAKE, 0, SaslHandshakeRequest(mechanism="PLAIN"))

    answer = await session.answer(b"\0web\0secret")
    shown = await ask(session, METADATA, 12, MetadataRequest(topics=None))

    assert answer == [b""]
    assert "events.log" in {topic.name for topic in shown.topics}


async def test_a_wrong_bare_message_closes_the_connection(
    services: Services, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "FAILURE_DELAY_SECONDS", 0)
    session = ClientSession(services, "10.0.0.5")
    await ask(session, SASL_HANDSHAKE, 0, SaslHandshakeRequest(mechanism="PLAIN"))

    with pytest.raises(SaslAuthenticationFailed):
        await session.answer(b"\0web\0guess")
