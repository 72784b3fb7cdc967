"""kill -9 of each role under load: nothing acknowledged is lost, nothing is doubled.

The short form, one kill a role; ``./tocsin bench kills`` does ten rounds at 5,000 events a second.
"""

from pathlib import Path

import pytest

from tests.support.kills import kill_under_load
from tests.support.product import product

pytestmark = [pytest.mark.process, pytest.mark.timeout(420)]


@pytest.mark.parametrize("role", ["broker", "store", "sinks", "detections", "collectors", "web"])
def test_a_killed_role_loses_and_doubles_nothing(role: str, tmp_path: Path) -> None:
    with product(tmp_path / "data") as running:
        found = kill_under_load(running, role, tmp_path / "journal", rounds=1, rate=1000)

    assert found.sent > 0
    assert found.is_clean, found
