"""curl as people use it in a script: lines, files, compressed, refused."""

import gzip
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from confluent_kafka import Producer

from pipeline.schema.control import TokenGrant, decision_key, encode_decision
from tests.support.collectors import CollectorsProcess, events
from tests.support.peers import program
from tests.support.standalone_broker import StandaloneBroker

pytestmark = pytest.mark.peer("curl")
TOKEN = "a token of the tests"
Curl = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneBroker]:
    """A broker that knows the token."""
    with StandaloneBroker(tmp_path_factory.mktemp("broker")) as started:
        digest = sha256(TOKEN.encode()).hexdigest()
        grant = TokenGrant(id="curl", revision=1, digest=digest, role="ingest")
        with CollectorsProcess(started.address):
            producer = Producer({"bootstrap.servers": started.address, "log_level": 0})
            producer.produce("control", encode_decision(grant), decision_key(grant))
            assert producer.flush(60) == 0
        yield started


@pytest.fixture(scope="module")
def curl(broker: StandaloneBroker) -> Iterator[Curl]:
    """Calls curl on the ingest port; gives the status and what was answered."""
    with CollectorsProcess(broker.address) as collectors:

        def call(path: str, *options: str, token: str = TOKEN) -> tuple[int, str]:
            url = f"http://127.0.0.1:{collectors.ports['http']}{path}"
            command = [program("curl"), "--silent", "--noproxy", "*", "--max-time", "100", url]
            command += [
                "--header",
                f"Authorization: Bearer {token}",
                "--write-out",
                "\n%{http_code}",
            ]
            done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
            answer, _, status = done.stdout.rpartition("\n")
            return int(status), answer

        yield call


def with_source(broker: StandaloneBroker, source: str, count: int) -> list[bytes]:
    deadline = time.monotonic() + 60
    while True:
        found = [event.raw for event in events(broker.address) if event.source == source]
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def test_a_line_from_the_command_line(broker: StandaloneBroker, curl: Curl) -> None:
    assert curl("/ingest/ndjson", "--data", "it works") == (200, '{"accepted":1,"rejected":[]}')
    assert with_source(broker, "http:curl", 1) == [b"it works"]


def test_a_file_as_it_is_and_compressed(
    broker: StandaloneBroker, curl: Curl, tmp_path: Path
) -> None:
    lines = b"".join(b'{"n": %d}\n' % number for number in range(50_000))
    plain, compressed = tmp_path / "lines.ndjson", tmp_path / "lines.gz"
    plain.write_bytes(lines)
    compressed.write_bytes(gzip.compress(lines))

    first = curl("/ingest/ndjson?source=plain", "--data-binary", f"@{plain}")
    second = curl(
        "/ingest/ndjson?source=gzip",
        "--data-binary",
        f"@{compressed}",
        "--header",
        "Content-Encoding: gzip",
    )

    assert first == second == (200, '{"accepted":50000,"rejected":[]}')
    assert Counter(with_source(broker, "http:plain", 50_000)) == Counter(lines.splitlines())
    assert len(with_source(broker, "http:gzip", 50_000)) == 50_000


def test_a_large_upload_with_a_wrong_token_hears_why(curl: Curl, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x\n" * 5_000_000)

    status, answer = curl("/ingest/ndjson", "--data-binary", f"@{large}", token="wrong")

    assert status == 401
    assert "Token not known" in answer


def test_an_upload_beyond_the_limit_hears_why(curl: Curl, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (17 << 20))

    expecting = curl("/ingest/ndjson", "--data-binary", f"@{large}")
    at_once = curl("/ingest/ndjson", "--data-binary", f"@{large}", "--header", "Expect:")

    assert (expecting[0], at_once[0]) == (413, 413)
    assert "16777216 bytes" in at_once[1]


def test_a_line_of_ten_megabytes_is_refused_and_the_next_request_served(
    curl: Curl, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(b'{"x": "' + b"x" * (10 << 20) + b'"}')

    status, answer = curl("/ingest/ndjson", "--data-binary", f"@{large}")

    assert status == 413
    assert '"line":1' in answer
    assert curl("/ingest/ndjson", "--data", "still here")[0] == 200
