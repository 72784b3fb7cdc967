"""TLS on a listener: what the broker shows, whom it asks for a certificate, and who that is.

Files are read anew when they change, so that a renewed certificate needs no restart; files that
cannot be used leave the ones in use, and are tried again when they change again. Connections keep
the certificate they began with.

Not done: revocation lists, encrypted keys.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from broker_core.metrics import CERTIFICATE_RENEWALS
from broker_core.settings import TlsSettings

log = structlog.get_logger()

# RFC 2253, section 2.3; other attributes keep OpenSSL's name
_SHORT = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
_ESCAPED = frozenset(',+"\\<>;')

Signature = tuple[tuple[int, int, int], ...]


class Certificates:
    """The TLS context of a listener. Reading blocks briefly: for a thread, or before serving."""

    def __init__(self, settings: TlsSettings) -> None:
        """Read the files for the first time.

        Raises:
            OSError: One is missing or not what it should be; says which.
        """
        self._settings = settings
        self._read_at = self._signature()
        self._context = _context(settings)

    @property
    def context(self) -> ssl.SSLContext:
        """What the next connection is secured with."""
        return self._context

    def renew(self) -> None:
        """Read the files anew if they have changed since they were last tried."""
        try:
            found = self._signature()
            if found == self._read_at:
                return
            self._read_at = found
            self._context = _context(self._settings)
        except OSError as error:
            CERTIFICATE_RENEWALS.labels("failed").inc()
            log.error("tls_certificate_not_renewed", error=str(error))
        else:
            CERTIFICATE_RENEWALS.labels("renewed").inc()
            log.info("tls_certificate_renewed", certificate=str(self._settings.certificate))

    def _signature(self) -> Signature:
        """What tells one state of the files from another."""
        states = [os.stat(path) for path in _files(self._settings)]
        return tuple((state.st_ino, state.st_mtime_ns, state.st_size) for state in states)


def subject_name(peer_certificate: Mapping[str, Any]) -> str | None:
    """Return the subject of a verified certificate as RFC 2253 writes it; None without one.

    >>> subject_name({"subject": ((("countryName", "SE"),), (("organizationName", "Ab, Oy"),),
    ...                           (("commonName", "sensor"),))})
    'CN=sensor,O=Ab\\\\, Oy,C=SE'

    Args:
        peer_certificate: As ``ssl.SSLSocket.getpeercert`` gives it.
    """
    names = [
        "+".join(f"{_SHORT.get(kind, kind)}={_escape(value)}" for kind, value in relative)
        for relative in reversed(peer_certificate.get("subject", ()))
    ]
    return ",".join(names) or None


def _escape(value: str) -> str:
    """RFC 2253, section 2.4."""
    escaped = "".join(f"\\{letter}" if letter in _ESCAPED else letter for letter in value)
    if escaped[:1] in ("#", " "):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and len(value) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def _files(settings: TlsSettings) -> list[Path]:
    named = (settings.certificate, settings.key, settings.client_ca)
    return [path for path in named if path is not None]


def _context(settings: TlsSettings) -> ssl.SSLContext:
    assert settings.certificate is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=_no_password)
    except ssl.SSLError as error:
        raise OSError(
            f"{settings.certificate} and {settings.key} are no PEM certificate and its key: {error}"
        ) from error
    if settings.client_ca is not None:
        context.verify_mode = (
            ssl.CERT_REQUIRED if settings.require_client_certificate else ssl.CERT_OPTIONAL
        )
        try:
            context.load_verify_locations(settings.client_ca)
        except ssl.SSLError as error:
            raise OSError(f"{settings.client_ca} holds no PEM certificates: {error}") from error
    return context


def _no_password() -> bytes:
    """Keep OpenSSL from asking for one on the terminal; an encrypted key is refused."""
    return b""
