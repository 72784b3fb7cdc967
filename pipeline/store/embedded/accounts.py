"""Who may speak to the store, and how a request says who it is.

chDB has no users, so they are checked here. Passwords are compared as SHA-256 digests in
constant time, and an unknown name costs as much as a wrong password.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class StoreAccount:
    """An account of the embedded store.

    Attributes:
        name: ClickHouse user name.
        password: Its password, as clients send it.
        readonly: May only read, and neither files nor other machines.
    """

    name: str
    password: str = field(repr=False)
    readonly: bool = False


class Accounts:
    """The accounts a store was started with.

    >>> accounts = Accounts([StoreAccount("reader", "secret", readonly=True)])
    >>> accounts.sign_in("reader", "secret").readonly
    True
    >>> accounts.sign_in("reader", "wrong") is None
    True
    """

    def __init__(self, accounts: Sequence[StoreAccount]) -> None:
        self._known = {account.name: (_digest(account.password), account) for account in accounts}

    def sign_in(self, name: str, password: str) -> StoreAccount | None:
        """The account, or None when the name is unknown or the password is another."""
        expected, account = self._known.get(name, (_digest(""), None))
        matches = hmac.compare_digest(expected, _digest(password))
        return account if matches else None


def credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str] | None:
    """The user and password of a request, or None when it carries none.

    ClickHouse's order: ``X-ClickHouse-User`` and ``-Key``, then HTTP Basic, then the URL.

    >>> credentials({"authorization": "Basic dTpw"}, {})
    ('u', 'p')
    """
    if "x-clickhouse-user" in headers:
        return headers["x-clickhouse-user"], headers.get("x-clickhouse-key", "")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return _basic(encoded)
    if "user" in query:
        return query["user"], query.get("password", "")
    return None


def _basic(encoded: str) -> tuple[str, str] | None:
    """User and password of HTTP Basic (RFC 7617), None if the text is not that."""
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def _digest(password: str) -> bytes:
    return sha256(password.encode("utf-8", "surrogateescape")).digest()
