"""Settings that would only be found wrong by clients."""

import pytest
from pydantic import ValidationError

from broker_core.settings import BrokerSettings


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])
def test_listening_everywhere_needs_a_name_for_clients(host: str) -> None:
    with pytest.raises(ValidationError, match="set advertised_host"):
        BrokerSettings(host=host)

    assert BrokerSettings(host=host, advertised_host="log.example").host == host


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="extra"):
        BrokerSettings.model_validate({"hosts": "x"})
