"""SASL PLAIN."""

import hashlib

import pytest

from broker_core.errors import SaslAuthenticationFailed
from broker_core.server.sasl import PlainMechanism

MECHANISM = PlainMechanism({"sinks": hashlib.sha256(b"secret").hexdigest().upper()})


@pytest.mark.parametrize("message", [b"\0sinks\0secret", b"sinks\0sinks\0secret"])
def test_the_right_secret_signs_in(message: bytes) -> None:
    assert MECHANISM.authenticate(message) == "sinks"


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
    with pytest.raises(SaslAuthenticationFailed) as refused:
        MECHANISM.authenticate(message)
    assert "secret" not in str(refused.value)


def test_without_users_nobody_signs_in() -> None:
    with pytest.raises(SaslAuthenticationFailed):
        PlainMechanism({}).authenticate(b"\0sinks\0secret")
