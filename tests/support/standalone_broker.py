"""A broker or controller of ours as its own process, as ``python -m broker_core`` runs it."""

import select
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from tests.support.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 60


class StandaloneBroker:
    """A context manager: serving on ``address`` between enter and exit.

    Attributes:
        address: ``127.0.0.1:<port>``; stays the same over restarts.
    """

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        """Know what to start; ``arguments`` go to the command besides."""
        self._data_dir = data_dir
        self._arguments = arguments
        self.address = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "StandaloneBroker":
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it in order."""
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, seconds: float = START_SECONDS) -> None:
        """Start, and wait for the line that says it serves."""
        command = [sys.executable, "-m", "broker_core", "--data-dir", str(self._data_dir)]
        self._process = subprocess.Popen(
            [*command, "--listen", self.address, *self._arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if not line.startswith("listening on "):
            self.kill()
            raise AssertionError(f"the broker did not start: {line!r}")
        self.address = line.removeprefix("listening on ").strip()

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM: in order; returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(STOP_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code
