"""What a request must prove: that its own page sent it, and where it may be sent on to. Pure.

>>> local_path("/alerts?state=open"), local_path("//evil.example/"), local_path("https:/x")
('/alerts?state=open', '/', '/')
"""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from web.security.errors import RequestForged

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
        " object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}


def demand_same_site(headers: Mapping[str, str]) -> None:
    """Refuse an unsafe request that a browser says another site sent (Fetch Metadata, Origin).

    Raises:
        RequestForged: It was.
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise RequestForged("Another site sent this request.")
    origin = headers.get("origin")
    if origin is None:
        return
    if origin == "null" or urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise RequestForged("Another site sent this request.")


def demand_csrf(expected: str, given: str) -> None:
    """Refuse a request that does not repeat its session's token.

    Raises:
        RequestForged: It is missing or another one.
    """
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise RequestForged(
            "The page that sent this was out of date. Nothing was changed: reload it and try again."
        )


def local_path(wanted: str) -> str:
    """A path of this console to go on to after signing in; ``/`` for anything else."""
    # Browsers read a backslash as a slash and skip tabs and line ends, urlsplit does not.
    if any(character <= " " or character == "\\" for character in wanted):
        return "/"
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or not parts.path.startswith("/"):
        return "/"
    return wanted if not wanted.startswith("//") else "/"
