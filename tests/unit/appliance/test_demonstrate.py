"""``tocsin demo`` where nothing runs: said at once, and nothing made."""

from pathlib import Path

import pytest

from appliance.config import load_configuration
from appliance.demonstrate import NothingRunning, demonstrate


def test_without_collectors_the_demo_says_so_and_makes_no_token(tmp_path: Path) -> None:
    home = tmp_path / "data"
    syslog = tmp_path / "tocsin.toml"
    syslog.write_text("[pipeline.syslog]\nport = 1\n")  # nobody listens there
    configuration = load_configuration(syslog, data_dir=home)

    with pytest.raises(NothingRunning, match=r"No collector answers at 127\.0\.0\.1:1") as raised:
        demonstrate(configuration, seed=1)

    assert "--port-offset" in str(raised.value)
    assert not home.exists()
