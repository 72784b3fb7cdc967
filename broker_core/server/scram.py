"""The server's side of SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677).

Four messages::

    client first   n,,n=user,r=CNONCE
    server first   r=CNONCE SNONCE,s=salt,i=iterations
    client final   c=biws,r=CNONCE SNONCE,p=proof
    server final   v=signature

The client hashes as often as the credential says; the server hashes three times whatever it is
sent, so an exchange costs us next to nothing. Somebody unknown is answered like somebody known,
with a salt that stays the same, and refused at the same point.

Not done: channel binding (the -PLUS mechanisms), delegation tokens (Kafka's ``tokenauth``).
"""

import base64
import binascii
import hmac
import re
import secrets
from dataclasses import dataclass

from broker_core.errors import IllegalSaslState, SaslAuthenticationFailed
from broker_core.policy.policy import Credentials
from broker_core.policy.scram_credential import MIN_ITERATIONS, ScramCredential, ScramMechanism

MAX_MESSAGE_BYTES = 1024
_NONCE_BYTES = 24
_DECOY_KEY = secrets.token_bytes(32)
_PRINTABLE = re.compile(r"[\x21-\x2b\x2d-\x7e]+")  # RFC 5802, §7: printable, no comma
_ESCAPED = re.compile(r"=(2C|3D)")


def random_nonce() -> str:
    """The server's part of a nonce: never twice the same, not to be guessed."""
    return secrets.token_urlsafe(_NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class _ClientFirst:
    gs2_header: str
    bare: str
    name: str
    nonce: str


class ScramExchange:
    """One sign-in: fed the client's two messages, it gives the server's two.

    Attributes:
        name: Who signed in, once the proof was right.

    Args:
        credentials: As they stand when the exchange begins.
        server_nonce: From :func:`random_nonce`.
    """

    def __init__(
        self, mechanism: ScramMechanism, credentials: Credentials, *, server_nonce: str
    ) -> None:
        self._mechanism = mechanism
        self._credentials = credentials
        self._server_nonce = server_nonce
        self._first: _ClientFirst | None = None
        self._is_over = False
        self.name: str | None = None

    def step(self, message: bytes) -> bytes:
        """Take the client's next message, return the answer to it.

        Raises:
            SaslAuthenticationFailed: Not what SCRAM says, or the proof is wrong; nothing more is
                taken.
            IllegalSaslState: The exchange is over.
        """
        if self._is_over:
            raise IllegalSaslState("this exchange is over")
        self._is_over = True  # unless this step ends well and is not the last
        text = _decode(message)
        if self._first is not None:
            return self._final(text, self._first)
        self._first = first = _read_client_first(text)
        self._used = used = self._credential(first.name)
        salt = base64.b64encode(used.salt).decode()
        self._server_first = f"r={first.nonce}{self._server_nonce},s={salt},i={used.iterations}"
        self._is_over = False
        return self._server_first.encode()

    def _credential(self, name: str) -> ScramCredential:
        """What is known of the user, or a decoy that nobody has the password of."""
        known = self._credentials.get((name, self._mechanism))
        if known is not None:
            return known
        salt = self._mechanism.hmac(_DECOY_KEY, name.encode())[:_NONCE_BYTES]
        key = secrets.token_bytes(self._mechanism.digest_bytes)
        return ScramCredential(salt=salt, iterations=MIN_ITERATIONS, stored_key=key, server_key=key)

    def _final(self, text: str, first: _ClientFirst) -> bytes:
        without_proof, marker, proof_text = text.rpartition(",p=")
        attributes = without_proof.split(",")
        binding = base64.b64encode(first.gs2_header.encode()).decode()
        if not marker or len(attributes) < 2 or attributes[0] != f"c={binding}":
            raise SaslAuthenticationFailed("not a SCRAM client-final-message (RFC 5802)")
        # librdkafka before 2.6.1 says its own part twice; ours, which makes it fresh, stands last.
        nonce = attributes[1]
        if not nonce.startswith(f"r={first.nonce}") or not nonce.endswith(self._server_nonce):
            raise SaslAuthenticationFailed("a SCRAM nonce of another exchange")
        proof = _decode_base64(proof_text)
        used, mechanism = self._used, self._mechanism
        auth_message = f"{first.bare},{self._server_first},{without_proof}".encode()
        client_signature = mechanism.hmac(used.stored_key, auth_message)
        if len(proof) != len(client_signature):
            raise SaslAuthenticationFailed(f"a SCRAM proof of {len(proof)} bytes")
        client_key = bytes(a ^ b for a, b in zip(proof, client_signature, strict=True))
        if not hmac.compare_digest(mechanism.hash(client_key), used.stored_key):
            raise SaslAuthenticationFailed("wrong user name or password")
        self.name = first.name
        return b"v=" + base64.b64encode(mechanism.hmac(used.server_key, auth_message))


def _decode(message: bytes) -> str:
    if len(message) > MAX_MESSAGE_BYTES:
        raise SaslAuthenticationFailed(f"a SCRAM message of {len(message)} bytes")
    try:
        return message.decode()
    except UnicodeDecodeError as error:
        raise SaslAuthenticationFailed("a SCRAM message that is not UTF-8") from error


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SaslAuthenticationFailed("a SCRAM proof that is not base64") from error


def _read_client_first(text: str) -> _ClientFirst:
    """Read ``gs2-cbind-flag "," [authzid] "," "n=" name "," "r=" nonce [extensions]``."""
    flag, _, rest = text.partition(",")
    authorization, _, bare = rest.partition(",")
    attributes = bare.split(",")
    if flag not in ("n", "y"):
        raise SaslAuthenticationFailed("a SCRAM message that asks for channel binding")
    if len(attributes) < 2 or not attributes[0].startswith("n=") or attributes[1][:2] != "r=":
        raise SaslAuthenticationFailed("not a SCRAM client-first-message (RFC 5802)")
    if "tokenauth=true" in attributes[2:]:
        raise SaslAuthenticationFailed("there are no delegation tokens here")
    name, nonce = _read_name(attributes[0][2:]), attributes[1][2:]
    if not _PRINTABLE.fullmatch(nonce):
        raise SaslAuthenticationFailed("a SCRAM nonce that is empty or not printable")
    if authorization and authorization != f"a={attributes[0][2:]}":
        raise SaslAuthenticationFailed("nobody may act for another user here")
    return _ClientFirst(text[: len(text) - len(bare)], bare, name, nonce)


def _read_name(escaped: str) -> str:
    """Undo ``=2C`` and ``=3D``; any other ``=`` is not a saslname."""
    if not escaped or "=" in _ESCAPED.sub("", escaped) or "\0" in escaped:
        raise SaslAuthenticationFailed("a SCRAM user name that is not a saslname (RFC 5802)")
    return _ESCAPED.sub(lambda found: "," if found[1] == "2C" else "=", escaped)
