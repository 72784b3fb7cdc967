"""Certificates of a listener: read, renewed, refused; and who a subject is."""

import os
import ssl
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from broker_core.server.tls import Certificates, subject_name
from broker_core.settings import TlsSettings
from tests.support.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def renewals(outcome: str) -> float:
    name = "kafka_server_socketservermetrics_certificaterenewals_total"
    return REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0


def test_old_protocols_are_not_spoken_and_nobody_is_asked_by_default(authority: Authority) -> None:
    context = Certificates(TlsSettings(certificate=authority.issue("broker"))).context

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE


@pytest.mark.parametrize(
    ("required", "mode"), [(False, ssl.CERT_OPTIONAL), (True, ssl.CERT_REQUIRED)]
)
def test_clients_are_asked_for_a_certificate_where_there_is_an_authority(
    authority: Authority, required: bool, mode: ssl.VerifyMode
) -> None:
    settings = TlsSettings(
        certificate=authority.issue("broker"),
        client_ca=authority.path,
        require_client_certificate=required,
    )

    assert Certificates(settings).context.verify_mode == mode


def test_files_are_read_anew_only_when_they_have_changed(authority: Authority) -> None:
    certificates = Certificates(TlsSettings(certificate=authority.issue("broker")))
    first = certificates.context

    certificates.renew()
    unchanged = certificates.context
    authority.issue("broker")
    certificates.renew()

    assert unchanged is first
    assert certificates.context is not first


def test_files_that_cannot_be_used_leave_those_in_use_until_they_can(authority: Authority) -> None:
    path = authority.issue("broker")
    certificates = Certificates(TlsSettings(certificate=path))
    first, good = certificates.context, path.read_bytes()
    failed, renewed = renewals("failed"), renewals("renewed")

    path.write_bytes(good[: len(good) // 2])
    certificates.renew()
    certificates.renew()
    path.unlink()
    certificates.renew()
    kept = certificates.context
    path.write_bytes(good)
    certificates.renew()

    assert kept is first
    assert certificates.context is not first
    assert renewals("failed") == failed + 2, "a file is not tried twice; one that is gone is"
    assert renewals("renewed") == renewed + 1


@pytest.mark.parametrize("field", ["certificate", "key", "client_ca"])
def test_a_file_that_is_missing_or_something_else_is_named(
    authority: Authority, tmp_path: Path, field: str
) -> None:
    good: dict[str, Any] = {"certificate": authority.issue("broker"), "client_ca": authority.path}
    wrong = tmp_path / "wrong.pem"

    with pytest.raises(FileNotFoundError, match=r"wrong\.pem"):
        Certificates(TlsSettings(**{**good, field: wrong}))
    wrong.write_bytes(b"not PEM")
    with pytest.raises(OSError, match=r"wrong\.pem"):
        Certificates(TlsSettings(**{**good, field: wrong}))


def test_an_encrypted_key_is_refused_without_asking_for_its_password(
    authority: Authority, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization

    path = authority.issue("broker")
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with pytest.raises(OSError, match=r"locked\.key"):
        Certificates(TlsSettings(certificate=path, key=locked))


def test_a_change_within_the_same_second_and_size_is_seen(authority: Authority) -> None:
    path = authority.issue("broker")
    certificates = Certificates(TlsSettings(certificate=path))
    first, state = certificates.context, path.stat()

    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    certificates.renew()

    assert certificates.context is not first


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ([["commonName", "a"]], "CN=a"),
        ([["countryName", "SE"], ["organizationName", "b"], ["commonName", "a"]], "CN=a,O=b,C=SE"),
        ([["commonName", 'a,b+c"d\\e<f>g;h']], 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h'),
        ([["commonName", "#a "]], "CN=\\#a\\ "),
        ([["commonName", " "]], "CN=\\ "),
        ([["emailAddress", "a@b"]], "emailAddress=a@b"),
        ([], None),
    ],
)
def test_subjects_are_written_as_rfc_2253_says(subject: list[list[str]], name: str | None) -> None:
    certificate = {"subject": tuple((tuple(attribute),) for attribute in subject)}

    assert subject_name(certificate) == name


def test_several_attributes_of_one_name_are_joined_and_no_certificate_is_nobody() -> None:
    several = {"subject": ((("commonName", "a"), ("userId", "7")),)}

    assert subject_name(several) == "CN=a+UID=7"
    assert subject_name({}) is None
