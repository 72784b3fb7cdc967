"""SASL PLAIN, and the choice of mechanisms."""

import hashlib

import pytest

from broker_core.errors import SaslAuthenticationFailed, UnsupportedSaslMechanism
from broker_core.server.sasl import Mechanisms
from broker_core.server.scram import ScramExchange

MECHANISMS = Mechanisms({"sinks": hashlib.sha256(b"secret").hexdigest().upper()}, dict)


@pytest.mark.parametrize("message", [b"\0sinks\0secret", b"sinks\0sinks\0secret"])
def test_the_right_secret_signs_in(message: bytes) -> None:
    exchange = MECHANISMS.begin("PLAIN")

    assert exchange.step(message) == b""
    assert exchange.name == "sinks"


@pytest.mark.parametrize(
    "message",
    [
        b"\0sinks\0wrong",
        b"\0nobody\0secret",
        b"web\0sinks\0secret",
        b"\0sinks\0",
        b"\0\xff\0secret",
        b"sinks secret",
        b"\0sinks\0secret\0",
        b"",
        b"\0sinks\0" + b"x" * 2000,
    ],
)
def test_anything_else_does_not(message: bytes) -> None:
    exchange = MECHANISMS.begin("PLAIN")

    with pytest.raises(SaslAuthenticationFailed) as refused:
        exchange.step(message)

    assert "secret" not in str(refused.value)
    assert exchange.name is None


def test_without_users_nobody_signs_in() -> None:
    with pytest.raises(SaslAuthenticationFailed):
        Mechanisms({}, dict).begin("PLAIN").step(b"\0sinks\0secret")


def test_every_mechanism_that_is_named_can_be_begun_and_no_other() -> None:
    assert MECHANISMS.names == ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
    for name in MECHANISMS.names[1:]:
        assert isinstance(MECHANISMS.begin(name), ScramExchange)
    for name in ("GSSAPI", "plain", "", "SCRAM-SHA-1"):
        with pytest.raises(UnsupportedSaslMechanism):
            MECHANISMS.begin(name)
