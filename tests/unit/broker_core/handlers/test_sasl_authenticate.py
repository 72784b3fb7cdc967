"""Signing in through the protocol; and what it opens."""

import pytest

from broker_core.errors import ConnectionRefused, ErrorCode
from broker_core.handlers import sign_in
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import METADATA, SASL_AUTHENTICATE, SASL_HANDSHAKE
from broker_core.protocol.messages.metadata import MetadataRequest
from broker_core.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest
from tests.support.broker_requests import Ask

RIGHT = SaslAuthenticateRequest(auth_bytes=b"\0web\0secret")
WRONG = SaslAuthenticateRequest(auth_bytes=b"\0web\0guess")
PLAIN = SaslHandshakeRequest(mechanism="PLAIN")


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "FAILURE_DELAY_SECONDS", 0)


async def test_a_stranger_who_signs_in_may_do_everything(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "10.0.0.5")

    chosen = await ask(session, SASL_HANDSHAKE, 1, PLAIN)
    signed_in = await ask(session, SASL_AUTHENTICATE, 2, RIGHT)
    shown = await ask(session, METADATA, 12, MetadataRequest(topics=None))

    assert (chosen.error_code, signed_in.error_code) == (0, 0)
    assert signed_in.session_lifetime_ms == 0
    assert session.max_frame_bytes == services.settings.max_frame_bytes
    assert "events.log" in {topic.name for topic in shown.topics}


async def test_a_wrong_secret_is_told_so_and_ends_the_connection(
    services: Services, ask: Ask
) -> None:
    session = ClientSession(services, "10.0.0.5")
    await ask(session, SASL_HANDSHAKE, 1, PLAIN)

    answer = await ask(session, SASL_AUTHENTICATE, 1, WRONG)

    assert answer.error_code == ErrorCode.SASL_AUTHENTICATION_FAILED
    assert answer.error_message == "wrong user name or password"
    assert session.is_over
    assert session.max_frame_bytes == services.settings.max_unauthenticated_frame_bytes
    with pytest.raises(ConnectionRefused):
        await ask(session, SASL_HANDSHAKE, 1, PLAIN)


async def test_the_mechanism_comes_first(services: Services, ask: Ask) -> None:
    answer = await ask(ClientSession(services, "10.0.0.5"), SASL_AUTHENTICATE, 0, RIGHT)

    assert answer.error_code == ErrorCode.ILLEGAL_SASL_STATE
