"""SASL: the mechanisms of this broker, and PLAIN (RFC 4616). Pure but for the comparison's time.

PLAIN's secrets are random 256-bit values, so a plain SHA-256 is kept of them: there is nothing to
guess that a slow hash would protect. Digests are compared in constant time, also for unknown names.
Passwords that people choose belong to SCRAM (:mod:`broker_core.server.scram`).
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

from broker_core.errors import SaslAuthenticationFailed, UnsupportedSaslMechanism
from broker_core.policy.policy import Credentials
from broker_core.policy.scram_credential import ScramMechanism
from broker_core.server.scram import MAX_MESSAGE_BYTES, ScramExchange, random_nonce

PLAIN = "PLAIN"
_NOBODY = "0" * 64


class PlainExchange:
    """The one message of PLAIN.

    Attributes:
        name: Who signed in, once it is known.

    Args:
        users: Name to the SHA-256 of the user's secret, in lower-case hexadecimal.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = users
        self.name: str | None = None

    def step(self, message: bytes) -> bytes:
        """Take the client's message; the answer is empty.

        Args:
            message: ``[authorization identity] NUL authentication identity NUL password``.

        Raises:
            SaslAuthenticationFailed: Not of that form, a wrong name or a wrong secret.
        """
        parts = message.split(b"\0") if len(message) <= MAX_MESSAGE_BYTES else []
        if len(parts) != 3:
            raise SaslAuthenticationFailed("not a PLAIN message (RFC 4616)")
        authorization, name_bytes, secret = parts
        name = name_bytes.decode("utf-8", "replace")
        digest = hashlib.sha256(secret).hexdigest()
        known = hmac.compare_digest(self._users.get(name, _NOBODY), digest)
        if not known or authorization not in (b"", name_bytes):
            raise SaslAuthenticationFailed("wrong user name or password")
        self.name = name
        return b""


class Mechanisms:
    """The mechanisms that a client may choose from.

    Args:
        users: For PLAIN: name to the SHA-256 of the user's secret, in hexadecimal.
        credentials: For SCRAM: asked anew for every exchange, for they change.
    """

    def __init__(self, users: Mapping[str, str], credentials: Callable[[], Credentials]) -> None:
        self._users = {name: digest.lower() for name, digest in users.items()}
        self._credentials = credentials

    @property
    def names(self) -> Sequence[str]:
        """Their names, as SaslHandshake lists them."""
        return PLAIN, *(mechanism.sasl_name for mechanism in ScramMechanism)

    def begin(self, name: str) -> PlainExchange | ScramExchange:
        """Begin an exchange.

        Raises:
            UnsupportedSaslMechanism: There is none of that name.
        """
        if name == PLAIN:
            return PlainExchange(self._users)
        for mechanism in ScramMechanism:
            if mechanism.sasl_name == name:
                return ScramExchange(mechanism, self._credentials(), server_nonce=random_nonce())
        raise UnsupportedSaslMechanism(f"mechanism {name[:64]!r} is not one of {self.names}")
