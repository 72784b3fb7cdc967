"""The whole product as a new user starts it: ``./tocsin up`` in a directory of its own."""

import json
import os
import random
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from pipeline.settings import BusSettings
from tests.support.ports import is_free
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery staple"
NODES = (9092, 9093, 9094)
LISTENERS = (8440, 8088, 5514, 6514, 9090, *NODES, 8123, *range(9440, 9450))
START_SECONDS = 120


class Product:
    """A running Tocsin.

    Args:
        data_dir: Where it keeps everything; need not exist.
        config: A configuration file's text.
        password: The first administrator's; None lets the product make a one-time one.

    Attributes:
        data_dir: Where it keeps everything.
        config: Its configuration file.
        offset: Added to every default port.
        printed: What the last start told its user.
    """

    def __init__(
        self, data_dir: Path, *, config: str = "", password: str | None = PASSWORD
    ) -> None:
        self.data_dir = data_dir
        self.offset = free_offset()
        self.config = data_dir.parent / f"{data_dir.name}.toml"
        self.config.write_text(config)
        chosen = {} if password is None else {"TOCSIN_ADMIN_PASSWORD": password}
        self.printed = ""
        self._environment = {**os.environ, **chosen}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Run ``tocsin up`` and wait until it says that it is up; returns what it printed."""
        command = [str(ROOT / "tocsin"), "up", "--config", str(self.config)]
        command += ["--data-dir", str(self.data_dir), "--port-offset", str(self.offset)]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
        )
        assert self._process.stdout is not None
        self.printed = ""
        for line in self._process.stdout:
            self.printed += line
            if "Ctrl-C" in line:
                return self.printed
        raise AssertionError(f"tocsin up ended with {self._process.wait()}:\n{self.printed}")

    def stop(self) -> int:
        """Press Ctrl-C; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        assert self._process.stdout is not None
        self._process.stdout.read()
        status = self._process.wait(timeout=120)
        self._process.stdout.close()
        return status

    def port(self, default: int) -> int:
        """The port that stands for a default one."""
        return default + self.offset

    def url(self, default: int, path: str = "") -> str:
        """An address on one of the product's HTTP ports."""
        return f"http://127.0.0.1:{self.port(default)}{path}"

    def run(self, *arguments: str) -> str:
        """Run another command of ``./tocsin`` over the same data; returns its output."""
        where = ["--config", str(self.config), "--data-dir", str(self.data_dir)]
        where += ["--port-offset", str(self.offset)]
        finished = subprocess.run(
            [str(ROOT / "tocsin"), *arguments, *where], capture_output=True, text=True, check=False
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def token(self, role: str) -> str:
        """A fresh API token."""
        return self.run("token", "create", "--role", role).split()[-1]

    def get(self, path: str, token: str, **parameters: str) -> Any:
        """JSON from the console's API."""
        answer = httpx.get(
            self.url(8440, path),
            params=parameters,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )
        answer.raise_for_status()
        return answer.json()

    def query(self, sql: str) -> list[list[str]]:
        """Rows from the store, asked as any ClickHouse client would, by the account that reads."""
        secrets = json.loads((self.data_dir / "secrets.json").read_text())
        answer = httpx.post(
            self.url(8123),
            content=f"{sql} FORMAT TabSeparated",
            headers={"X-ClickHouse-User": "reader", "X-ClickHouse-Key": secrets["store_reader"]},
            timeout=60,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        return [line.split("\t") for line in answer.text.splitlines()]

    @property
    def bus(self) -> BusSettings:
        """The log, signed in to as its administrator."""
        secrets = json.loads((self.data_dir / "secrets.json").read_text())
        servers = ",".join(f"127.0.0.1:{self.port(node)}" for node in NODES)
        password = SecretStr(secrets["bus"]["admin"])
        return BusSettings(url=f"kafka://{servers}", username="admin", password=password)

    def pids(self) -> dict[str, int | None]:
        """Each role's process id."""
        return {name: role["pid"] for name, role in self.health()["roles"].items()}

    def health(self) -> Mapping[str, Any]:
        """The supervisor's view of every role."""
        answer = httpx.get(self.url(9446, "/healthz"), timeout=30, trust_env=False)
        found: Mapping[str, Any] = json.loads(answer.content)
        return found

    def kill(self, role: str) -> None:
        """SIGKILL a role's process and wait until the supervisor has missed it.

        Until then `/healthz` still tells of the dead process as running.
        """
        pid = self.pid(role)
        assert pid is not None, f"{role} is not running"
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.pid(role) != pid, f"{role} is missed")

    def pid(self, role: str) -> int | None:
        """A role's process id; None while it waits to be started."""
        found: int | None = self.health()["roles"][role]["pid"]
        return found

    def until_healthy(self) -> None:
        """Wait until every role runs."""
        until(lambda: self.health()["status"] == "ok", "every role runs", seconds=START_SECONDS)


@contextmanager
def product(
    data_dir: Path, *, config: str = "", password: str | None = PASSWORD
) -> Iterator[Product]:
    """A product that is stopped afterwards, and killed if it does not stop."""
    found = Product(data_dir, config=config, password=password)
    found.start()
    try:
        yield found
    finally:
        process = found._process
        if process is not None and process.poll() is None:
            found.stop()


def free_offset() -> int:
    """A port offset at which every listener is free."""
    offsets = list(range(1_000, 22_000, 100))  # below the ports of outgoing connections
    random.SystemRandom().shuffle(offsets)
    for offset in offsets:
        if all(is_free(port + offset) for port in LISTENERS):
            return offset
    raise AssertionError("no hundred ports are free")
