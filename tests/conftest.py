"""What every test may rely on: foreign programs are named, and their absence is never silent."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import maven
from tests.support.apache_kafka import ApacheKafka

REPOSITORY = Path(__file__).resolve().parent.parent
PEER_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")

settings.register_profile("tocsin", deadline=None)  # no clock says whether an example is right
settings.load_profile("tocsin")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests whose peer is not installed; where peers are required, let them fail instead."""
    if os.environ.get("TOCSIN_REQUIRE_PEERS"):
        return
    for item in items:
        for marker in item.iter_markers("peer"):
            missing = [name for name in marker.args if not is_installed(name)]
            if missing:
                reason = f"{', '.join(missing)} not installed (./tocsin test --with-peers installs)"
                item.add_marker(pytest.mark.skip(reason=reason))


def is_installed(program: str) -> bool:
    """Whether a foreign program can be started by name, or a peer from Maven Central is here."""
    if maven.project(program).is_file():
        return maven.is_fetched(program)
    path = os.pathsep.join([os.environ.get("PATH", ""), *PEER_FOLDERS])
    return shutil.which(program, path=path) is not None


@pytest.fixture(scope="session")
def sigma_set() -> Path:
    """The Sigma development set beside the checkout; absent in a stranger's clone."""
    path = REPOSITORY.parent / "shared" / "sigma"
    if not path.is_dir():
        message = f"the Sigma development set is not at {path}; our own fixtures cover this too"
        if os.environ.get("TOCSIN_REQUIRE_PEERS"):
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """One node of Apache Kafka for the whole session; for tests marked ``peer("kafka")``."""
    with ApacheKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka
