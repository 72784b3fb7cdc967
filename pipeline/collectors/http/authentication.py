"""Who may send: tokens in the forms that senders know.

``Authorization: Bearer TOKEN`` (RFC 6750), ``Splunk TOKEN`` as Splunk's senders do, or ``Basic``
with the token as the password (RFC 7617), because Prometheus' older configurations know no other.
"""

import binascii
from base64 import b64decode
from typing import Protocol

from pipeline.collectors.http.exchange import Problem, Request
from pipeline.schema.control import TokenGrant

SENDER_ROLES = frozenset({"ingest", "engineer", "administrator"})
MAX_AUTHORIZATION_CHARACTERS = 2_000

_CHALLENGE = ((b"www-authenticate", b'Bearer realm="tocsin", Basic realm="tocsin"'),)


class Grants(Protocol):
    """What is needed of ``pipeline.bus.credentials.Tokens``."""

    async def grant_of(self, token: str) -> TokenGrant | None:
        """The grant of a token; None for one that is not good."""
        ...


class Authenticator:
    """Checks who sends.

    Args:
        grants: Knows the tokens.
    """

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def sender(self, request: Request) -> TokenGrant:
        """The grant that the request was sent under.

        Raises:
            Problem: 401 without a good token, 403 if its role may not send.
        """
        token = token_of(request.header(b"authorization"))
        if token is None:
            raise Problem(
                401,
                "Not signed in",
                "send Authorization: Bearer TOKEN; tocsin token create --role ingest makes one",
                headers=_CHALLENGE,
            )
        grant = await self._grants.grant_of(token)
        if grant is None:
            raise Problem(401, "Token not known", "it is wrong or revoked", headers=_CHALLENGE)
        if grant.role not in SENDER_ROLES:
            raise Problem(403, "Not allowed", f"the role {grant.role} may read but not send")
        return grant


def token_of(authorization: str) -> str | None:
    """The token in an Authorization header; None if it holds none.

    >>> token_of("Bearer abc"), token_of("Splunk abc"), token_of("Basic dXNlcjphYmM=")
    ('abc', 'abc', 'abc')
    >>> token_of("Digest abc")
    """
    scheme, _, rest = authorization[:MAX_AUTHORIZATION_CHARACTERS].partition(" ")
    credentials = rest.strip()
    match scheme.lower():
        case "bearer" | "splunk":
            return credentials or None
        case "basic":
            try:
                decoded = b64decode(credentials, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                return None
            return decoded.partition(":")[2] or None
    return None
