"""The embedded store as a process of its own, for everybody whose tests need tables.

``python -m tests.support.store DIRECTORY PORT`` is that process; tests use ``StoreProcess``.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from pipeline.settings import EmbeddedStoreSettings, StoreSettings
from pipeline.store.embedded import StoreAccount, run
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a store's password"
READER_PASSWORD = "a reader's password"
# Tests store events of a fixed day; they shall still be there when the tests are old.
KEPT_DAYS = 36_500
_START_SECONDS = 60
_STOP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class At:
    """Where a record lies, as the bus would say it."""

    topic: str
    partition: int
    offset: int


class StoreProcess:
    """An embedded store on a free port, with the accounts ``tocsin`` and ``reader``.

    Attributes:
        directory: Its data; kept when the process ends.
        port: Where it listens, the same after a restart.
    """

    def __init__(self, directory: Path, **settings: int) -> None:
        self.directory = directory
        self.port = free_port()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> StoreSettings:
        """How our own roles reach it."""
        return StoreSettings(
            url=self.url,
            username="tocsin",
            password=SecretStr(PASSWORD),
            retention_days=KEPT_DAYS,
        )

    @property
    def reader(self) -> StoreSettings:
        """How somebody reaches it who may only read."""
        return StoreSettings(url=self.url, username="reader", password=SecretStr(READER_PASSWORD))

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, environment: Mapping[str, str] | None = None) -> None:
        """Start and wait until it answers."""
        command = [sys.executable, "-m", "tests.support.store", str(self.directory)]
        command += [str(self.port), *(f"{name}={value}" for name, value in self._settings.items())]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(environment or {})}
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AssertionError(f"the store ended with {self._process.returncode}")
            try:
                if httpx.get(f"{self.url}/ping", trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(f"the store did not answer within {_START_SECONDS} s")

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_STOP_SECONDS)
            self._process = None


async def _serve(settings: EmbeddedStoreSettings) -> None:
    accounts = [
        StoreAccount("tocsin", PASSWORD),
        StoreAccount("reader", READER_PASSWORD, readonly=True),
    ]
    task = asyncio.create_task(run(settings, accounts, ready=lambda: None))
    loop = asyncio.get_running_loop()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, task.cancel)
    await task


def _main(directory: str, port: str, *settings: str) -> None:
    given = {name: int(value) for name, value in (one.split("=") for one in settings)}
    wanted = EmbeddedStoreSettings.model_validate(
        {"directory": Path(directory), "port": int(port), **given}
    )
    try:
        asyncio.run(_serve(wanted))
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    _main(*sys.argv[1:])
