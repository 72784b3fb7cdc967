"""Foreign programs, started with a configuration of the test's own and stopped afterwards."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 15
_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def program(name: str) -> str:
    """Where a foreign program lies; tests that use one are marked ``peer(name)``."""
    found = shutil.which(name, path=_FOLDERS)
    assert found is not None, f"{name} is not installed"
    return found


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program in the foreground of its own process; what it says goes to ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program(command[0]), *command[1:]], stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            end(process, STOP_SECONDS)


def end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Stop a program in order, or by force once so many seconds are over."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def rsyslogd(directory: Path, socket: Path, actions: str) -> Iterator[subprocess.Popen[bytes]]:
    """An rsyslogd that takes messages at a unix socket and does ``actions`` with them."""
    configuration = directory / "rsyslog.conf"
    configuration.write_text(
        f"""
        global(workDirectory="{directory}")
        module(load="imuxsock" SysSock.Use="off")
        input(type="imuxsock" Socket="{socket}" CreatePath="on" RateLimit.Interval="0"
              UseSpecialParser="off" ParseHostname="on")
        {actions}
        """
    )
    command = ["rsyslogd", "-n", "-f", str(configuration), "-i", str(directory / "rsyslogd.pid")]
    with running(command, directory / "rsyslogd.log") as process:
        yield process
