"""The whole product on a disk that fills up: senders are told or held, nothing is lost."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.kills import account
from tests.support.load import read_journal
from tests.support.product import Product, product
from tests.support.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.timeout(420)]

DISK = "400m"
SECONDS = 120
HELD = 200


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, far too small for a busy day."""
    directory = tmp_path / "disk"
    directory.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(directory)]
    if subprocess.run(command, check=False).returncode != 0:
        pytest.skip("no disk can be mounted here")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


def trouble(running: Product) -> str:
    """What the console tells of the roles when they are not well."""
    answer = httpx.get(running.url(8440, "/healthz"), timeout=60, trust_env=False)
    return answer.text if answer.json()["status"] == "degraded" else ""


def held(running: Product) -> int:
    """How many different lines of the TCP sender are stored."""
    sql = "SELECT uniqExact(raw) FROM events WHERE raw LIKE '<13>held-back %'"
    return int(running.query(sql)[0][0])


def test_a_full_disk_holds_senders_back_and_everything_goes_on_once_there_is_room(
    disk: Path, tmp_path: Path
) -> None:
    ballast, journal = disk / "ballast", tmp_path / "journal"

    def fill() -> None:
        """Take every byte that is left; the product may have freed some meanwhile."""
        with ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                return

    with product(disk / "data") as running:
        pids = running.pids()
        command = [sys.executable, "-m", "tests.support.load", "--rate", "500"]
        command += ["--url", running.url(8088, "/ingest/ndjson")]
        command += ["--token", running.token("ingest"), "--journal", str(journal)]
        with subprocess.Popen(command) as sender:
            try:
                until(lambda: journal.exists() and read_journal(journal).acknowledged, "it flows")

                def is_told() -> bool:
                    fill()
                    return bool(read_journal(journal).unknown)

                def is_explained() -> bool:
                    fill()
                    return "disk is full" in trouble(running)

                until(is_told, "the sender is told", seconds=SECONDS)
                until(is_explained, "the console says what is wrong", seconds=SECONDS)
                with socket.create_connection(("127.0.0.1", running.port(5514))) as wire:
                    wire.sendall(b"".join(b"<13>held-back %d\n" % n for n in range(HELD)))
                ballast.unlink()
                heard = len(read_journal(journal).acknowledged)
                until(
                    lambda: len(read_journal(journal).acknowledged) > heard + 1000,
                    "the sender is served again",
                    seconds=SECONDS,
                )
            finally:
                sender.terminate()
        running.until_healthy()
        until(lambda: held(running) == HELD, "what syslog sent meanwhile is stored")
        made = account(running, read_journal(journal))
        after = running.pids()

    assert made.is_clean, made
    assert after == pids
