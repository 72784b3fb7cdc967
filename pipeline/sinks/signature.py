"""How a receiver knows that a call is ours: the Standard Webhooks signature (version 1). Pure.

The signed text is ``id.timestamp.body``, the signature ``v1,`` and the base64 of its
HMAC-SHA256 (specification: standard-webhooks/spec, "Symmetric"). The id stays the same over
all attempts, so receivers can drop what they have seen.
"""

import binascii
from base64 import b64decode, b64encode
from hashlib import sha256
from hmac import digest

SECRET_PREFIX = "whsec_"  # noqa: S105 # what a secret begins with, not a secret


def signed_headers(secret: str, *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers that go with a body.

    Args:
        secret: ``whsec_`` and base64, as the specification writes keys; any other text is
            taken as the key itself, in UTF-8.
        message_id: Names the message; the same for every attempt.
        timestamp: Of this attempt, in seconds since the epoch; receivers refuse old ones.
        body: Exactly as it is sent.

    >>> headers = signed_headers("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ...     message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330,
    ...     body=b'{"test": 2432232314}')
    >>> headers["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    text = f"{message_id}.{timestamp}.".encode() + body
    signature = b64encode(digest(_key(secret), text, sha256)).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _key(secret: str) -> bytes:
    if secret.startswith(SECRET_PREFIX):
        try:
            return b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            pass  # not what it looks like: taken as it stands
    return secret.encode()
