"""The sinks role as a process of its own, between a broker and a store that are real too.

``python -m tests.support.sinks SETTINGS`` is that process; SETTINGS is PipelineSettings as JSON.
"""

import asyncio
import json
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import uvloop

from appliance.cycles import keep_what_is_loaded, look_seldom
from pipeline.schema.topics import DEAD_LETTER, EVENT_TOPICS
from pipeline.settings import BusSettings, PipelineSettings
from pipeline.sinks.role import run
from pipeline.store.migrate import migrate
from tests.support.broker import product_topics
from tests.support.standalone_broker import StandaloneBroker
from tests.support.store import PASSWORD, StoreProcess

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 60
LEDGER_TOPICS = frozenset({*EVENT_TOPICS.values(), DEAD_LETTER})


class SinksProcess:
    """The role; may be started, killed and stopped again and again."""

    def __init__(self, settings: Mapping[str, object]) -> None:
        self._settings = json.dumps(settings)
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until both groups read."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.sinks", self._settings],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        assert line == "ready\n", f"the sinks did not start: {line!r}"

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM: in order; returns the exit code."""
        return self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, for example SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(STOP_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code


class Plant:
    """A broker with the product's topics, a migrated store, and the sinks between them.

    Attributes:
        broker, store, sinks: The processes.
    """

    def __init__(
        self,
        directory: Path,
        *,
        webhook: Mapping[str, object] | None = None,
        store: Mapping[str, object] | None = None,
    ) -> None:
        self._batches = {"batch_rows": 1_000, "batch_age": 0.2, **(store or {})}
        self.broker = StandaloneBroker(directory / "log")
        self.store = StoreProcess(directory / "store")
        self.broker.start()
        self.store.start()
        asyncio.run(product_topics(self.bus))
        asyncio.run(migrate(self.store.settings))
        self.sinks = self.more_sinks(webhook)

    @property
    def bus(self) -> BusSettings:
        """How to reach the broker."""
        return BusSettings(url=f"kafka://{self.broker.address}")

    def more_sinks(self, webhook: Mapping[str, object] | None = None) -> SinksProcess:
        """A further process of the role."""
        return SinksProcess(
            {
                "bus": {"url": f"kafka://{self.broker.address}"},
                "store": {
                    "url": self.store.url,
                    "username": "tocsin",
                    "password": PASSWORD,
                    **self._batches,
                },
                "webhook": dict(webhook or {}),
            }
        )

    def stop(self) -> None:
        """Stop whatever still runs."""
        self.sinks.stop()
        self.store.stop()
        self.broker.stop()


@contextmanager
def plant(
    directory: Path,
    *,
    webhook: Mapping[str, object] | None = None,
    store: Mapping[str, object] | None = None,
) -> Iterator[Plant]:
    """A plant, its sinks not started yet; stopped in the end."""
    built = Plant(directory, webhook=webhook, store=store)
    try:
        yield built
    finally:
        built.stop()


async def _serve(settings: PipelineSettings) -> None:
    def ready() -> None:
        keep_what_is_loaded()
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    task = asyncio.ensure_future(run(settings, ready=ready))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()


def _main(settings: str) -> None:
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    look_seldom()
    uvloop.run(_serve(PipelineSettings.model_validate_json(settings)))


if __name__ == "__main__":
    _main(sys.argv[1])
