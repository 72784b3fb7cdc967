"""SASL PLAIN (RFC 4616) against the digests of random secrets. Pure but for the comparison's time.

Secrets are random 256-bit values, so a plain SHA-256 is kept of them: there is nothing to guess
that a slow hash would protect. Digests are compared in constant time, also for unknown names.
"""

import hashlib
import hmac
from collections.abc import Mapping

from broker_core.errors import SaslAuthenticationFailed

MECHANISM = "PLAIN"
MAX_MESSAGE_BYTES = 1024
_NOBODY = "0" * 64


class PlainMechanism:
    """Checks the one message of a PLAIN exchange.

    Args:
        users: Name to the SHA-256 of the user's secret, in hexadecimal.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = {name: digest.lower() for name, digest in users.items()}

    def authenticate(self, message: bytes) -> str:
        """Return the name that signed in.

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
        return name
