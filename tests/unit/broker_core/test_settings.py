"""Settings that would only be found wrong by clients."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from broker_core.settings import BrokerSettings, TlsSettings


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])
def test_listening_everywhere_needs_a_name_for_clients(host: str) -> None:
    with pytest.raises(ValidationError, match="set advertised_host"):
        BrokerSettings(host=host)

    assert BrokerSettings(host=host, advertised_host="log.example").host == host


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="extra"):
        BrokerSettings.model_validate({"hosts": "x"})


def test_tls_for_everywhere_needs_a_name_too_once_it_is_on() -> None:
    assert TlsSettings(host="0.0.0.0").certificate is None
    with pytest.raises(ValidationError, match="set advertised_host"):
        TlsSettings(host="0.0.0.0", certificate=Path("c.pem"))


def test_certificates_that_nobody_could_check_cannot_be_required() -> None:
    with pytest.raises(ValidationError, match="needs a client_ca"):
        TlsSettings(certificate=Path("c.pem"), require_client_certificate=True)
