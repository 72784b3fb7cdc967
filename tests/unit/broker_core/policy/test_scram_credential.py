"""What is kept of a password, and what may not be."""

import pytest

from broker_core.errors import UnacceptableCredential
from broker_core.policy.scram_credential import (
    MAX_ITERATIONS,
    MAX_SALT_BYTES,
    MIN_ITERATIONS,
    ScramMechanism,
    derive,
)

SHA_256, SHA_512 = ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512


def test_names_and_numbers_are_kafkas() -> None:
    assert [(each.value, each.sasl_name, each.digest_bytes) for each in ScramMechanism] == [
        (1, "SCRAM-SHA-256", 32),
        (2, "SCRAM-SHA-512", 64),
    ]


@pytest.mark.parametrize("mechanism", ScramMechanism)
def test_neither_key_is_the_password_nor_lets_anybody_sign_in(mechanism: ScramMechanism) -> None:
    salted = mechanism.salt_password(b"pencil", b"salt", MIN_ITERATIONS)

    kept = derive(mechanism, salt=b"salt", iterations=MIN_ITERATIONS, salted_password=salted)

    client_key = mechanism.hmac(salted, b"Client Key")
    assert kept.stored_key == mechanism.hash(client_key)
    assert {kept.stored_key, kept.server_key}.isdisjoint({b"pencil", salted, client_key})


@pytest.mark.parametrize(
    ("iterations", "salt", "salted_bytes"),
    [
        (MIN_ITERATIONS - 1, b"s", 32),
        (MAX_ITERATIONS + 1, b"s", 32),
        (-1, b"s", 32),
        (MIN_ITERATIONS, b"", 32),
        (MIN_ITERATIONS, b"s" * (MAX_SALT_BYTES + 1), 32),
        (MIN_ITERATIONS, b"s", 31),
        (MIN_ITERATIONS, b"s", 64),
        (MIN_ITERATIONS, b"s", 0),
    ],
)
def test_what_the_mechanism_cannot_have_made_is_refused(
    iterations: int, salt: bytes, salted_bytes: int
) -> None:
    with pytest.raises(UnacceptableCredential):
        derive(SHA_256, salt=salt, iterations=iterations, salted_password=bytes(salted_bytes))


@pytest.mark.parametrize("iterations", [MIN_ITERATIONS, MAX_ITERATIONS])
def test_both_ends_of_the_range_of_iterations_are_taken(iterations: int) -> None:
    kept = derive(SHA_512, salt=b"s", iterations=iterations, salted_password=bytes(64))

    assert kept.iterations == iterations
