"""First run: made once, kept, private, and never by two instances at a time."""

import ssl
import stat
from pathlib import Path

import pytest

from appliance.first_run import DataDirectoryUnusable, claim, prepare


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    first = prepare(tmp_path)

    assert prepare(tmp_path) == first
    assert len({*first.bus.values(), first.node, first.store, first.store_reader}) == 8


def test_secrets_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    prepare(tmp_path)

    for name in ("secrets.json", "tls/server.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_the_certificate_and_its_key_belong_together(tmp_path: Path) -> None:
    prepare(tmp_path)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls" / "server.crt", tmp_path / "tls" / "server.key")


def test_a_second_instance_is_told_who_holds_the_directory(tmp_path: Path) -> None:
    with (
        claim(tmp_path),
        pytest.raises(DataDirectoryUnusable, match=r"already running .* \(process \d+\)"),
        claim(tmp_path),
    ):
        pass


def test_a_directory_can_be_claimed_again_after_its_holder_left(tmp_path: Path) -> None:
    with claim(tmp_path):
        pass
    with claim(tmp_path):
        pass


def test_a_directory_that_cannot_be_made_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DataDirectoryUnusable, match="--data-dir"), claim(tmp_path / "file" / "x"):
        pass
