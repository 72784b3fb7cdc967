"""What must exist before the first role starts: directories, secrets, a certificate.

Everything is made once and kept; a second run finds it. Secrets lie in ``secrets.json``, readable
by the owner only; what others need of them is a digest.
"""

import fcntl
import ipaddress
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BUS_PRINCIPALS = ("collectors", "detections", "sinks", "web", "admin")
CERTIFICATE_AGE = timedelta(days=3650)


class DataDirectoryUnusable(Exception):
    """The data directory cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Random values that the roles prove themselves to one another with.

    Attributes:
        bus: SASL password of each principal, by name.
        node: What the log's nodes sign in with, at their controller and at each other.
        store: Password of the store's account that may write.
        store_reader: Password of the store's account that may only read.
    """

    bus: dict[str, str]
    node: str
    store: str
    store_reader: str

    def bus_digests(self) -> dict[str, str]:
        """What the broker checks passwords against: SHA-256 by principal, hex."""
        return {name: sha256(value.encode()).hexdigest() for name, value in self.bus.items()}


@contextmanager
def claim(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for this instance, so that a second ``up`` says so plainly.

    Raises:
        DataDirectoryUnusable: It cannot be made or written, or another instance holds it.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = open(data_dir / "tocsin.lock", "a+")  # noqa: SIM115 - held until the block ends
    except OSError as error:
        raise DataDirectoryUnusable(
            f"The data directory {data_dir} cannot be written: {error.strerror}.\n"
            "Choose another one with --data-dir, or change its owner."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise DataDirectoryUnusable(
                f"Tocsin is already running over {data_dir} (process {holder}).\n"
                "Use that one, stop it first, or give this one --data-dir and --port-offset."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def prepare(data_dir: Path) -> Secrets:
    """Make what is missing; return the secrets.

    Raises:
        DataDirectoryUnusable: A file cannot be written or read.
    """
    try:
        for name in ("logs", "tls", "rules", "cache"):
            (data_dir / name).mkdir(parents=True, exist_ok=True)
        found = _read_or_make_secrets(data_dir / "secrets.json")
        _make_certificate(data_dir / "tls")
    except OSError as error:
        raise DataDirectoryUnusable(
            f"{error.filename} cannot be written: {error.strerror}."
        ) from error
    return found


def _read_or_make_secrets(path: Path) -> Secrets:
    """The kept secrets, with new ones for principals that an older version did not know."""
    kept = json.loads(path.read_text()) if path.is_file() else {}
    bus = kept.get("bus", {})
    found = Secrets(
        bus={name: bus.get(name) or secrets.token_hex(32) for name in BUS_PRINCIPALS},
        node=kept.get("node") or secrets.token_hex(32),
        store=kept.get("store") or secrets.token_hex(32),
        store_reader=kept.get("store_reader") or secrets.token_hex(32),
    )
    if asdict(found) != kept:
        write_private(path, json.dumps(asdict(found), indent=2).encode())
    return found


def write_private(path: Path, content: bytes) -> None:
    """Replace a file atomically by one that only its owner can read."""
    scratch = path.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def _make_certificate(directory: Path) -> None:
    """A self-signed certificate for syslog over TLS, unless there is one (RFC 5425, §4.2.1)."""
    certificate_path, key_path = directory / "server.crt", directory / "server.key"
    if certificate_path.is_file() and key_path.is_file():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, socket.gethostname()[:64])])
    now = datetime.now(UTC)
    addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + CERTIFICATE_AGE)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(socket.gethostname()), x509.DNSName("localhost"), *addresses]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private(key_path, private)
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
