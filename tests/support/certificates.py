"""Certificates for tests: an authority made up on the spot, and what it signs, as PEM files."""

from pathlib import Path

import trustme


class Authority:
    """A certificate authority of a test's own.

    Attributes:
        path: Its certificate.
    """

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self._ca = trustme.CA()
        self.path = directory / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.path))

    def issue(
        self, name: str, *, common_name: str | None = None, organization_name: str | None = None
    ) -> Path:
        """One PEM file with a certificate for 127.0.0.1 and localhost, and its key.

        Args:
            name: The file's, without its suffix.
            common_name: Of the subject, as ``organization_name``.
        """
        issued = self._ca.issue_cert(
            "127.0.0.1",
            "localhost",
            common_name=common_name,
            organization_name=organization_name,
        )
        path = self._directory / f"{name}.pem"
        path.unlink(missing_ok=True)
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return path
