"""What is kept of a SCRAM password: salted, hashed and not to be turned back (RFC 5802, §3). Pure.

From a salted password two keys are derived. The stored key tells a right proof from a wrong one and
the server key proves to the client that we know it; neither lets anybody sign in.
"""

import hashlib
import hmac
from dataclasses import dataclass
from enum import IntEnum

from broker_core.errors import UnacceptableCredential

MIN_ITERATIONS = 4096  # RFC 7677, §4
MAX_ITERATIONS = 16_384  # Kafka's bound: every sign-in costs the client that many hashes
MAX_SALT_BYTES = 256
MAX_USER_NAME_CHARACTERS = 255


class ScramMechanism(IntEnum):
    """A SCRAM mechanism by its number in DescribeUserScramCredentials (KIP-554)."""

    SCRAM_SHA_256 = 1
    SCRAM_SHA_512 = 2

    @property
    def sasl_name(self) -> str:
        """Its name in SaslHandshake (RFC 7677)."""
        return self.name.replace("_", "-")

    @property
    def digest_bytes(self) -> int:
        """Length of its hash."""
        return int(self.name[-3:]) // 8

    def hash(self, data: bytes) -> bytes:
        """H(data) of RFC 5802."""
        return hashlib.new(self._algorithm, data).digest()

    def hmac(self, key: bytes, data: bytes) -> bytes:
        """HMAC(key, data) of RFC 5802."""
        return hmac.digest(key, data, self._algorithm)

    def salt_password(self, password: bytes, salt: bytes, iterations: int) -> bytes:
        """Hi(password, salt, iterations): what an administrator's client sends in its stead."""
        return hashlib.pbkdf2_hmac(self._algorithm, password, salt, iterations)

    @property
    def _algorithm(self) -> str:
        return f"sha{self.name[-3:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScramCredential:
    """What the broker knows of one user's password for one mechanism."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def derive(
    mechanism: ScramMechanism, *, salt: bytes, iterations: int, salted_password: bytes
) -> ScramCredential:
    """Return what is kept of a salted password.

    Raises:
        UnacceptableCredential: Too few or too many iterations, no salt or a very long one, or a
            salted password that the mechanism's hash cannot have made.
    """
    if not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
        raise UnacceptableCredential(
            f"{iterations} iterations, {MIN_ITERATIONS} to {MAX_ITERATIONS} are taken"
        )
    if not 1 <= len(salt) <= MAX_SALT_BYTES:
        raise UnacceptableCredential(
            f"a salt of {len(salt)} bytes, 1 to {MAX_SALT_BYTES} are taken"
        )
    if len(salted_password) != mechanism.digest_bytes:
        raise UnacceptableCredential(
            f"a salted password of {len(salted_password)} bytes, "
            f"{mechanism.sasl_name} makes {mechanism.digest_bytes}"
        )
    client_key = mechanism.hmac(salted_password, b"Client Key")
    return ScramCredential(
        salt=salt,
        iterations=iterations,
        stored_key=mechanism.hash(client_key),
        server_key=mechanism.hmac(salted_password, b"Server Key"),
    )
