"""Start roles as processes, restart them with backoff, stop them in order.

Roles start bottom to top, each only when the one before answers its ``/healthz``, and stop the
other way round: first nothing new comes in, then what is inside is finished. A role that dies is
started again after a delay that doubles from half a second to half a minute, and falls back once
the role has been running for a minute. What the supervisor knows is shown at its own ``/healthz``,
which the console reads.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO

import httpx
import structlog

from appliance.metrics import ROLE_RESTARTS, ROLE_RUNNING

log = structlog.get_logger()

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0
STOP_SECONDS = 30.0
START_SECONDS = 120.0
LOG_FILE_BYTES = 16 << 20
TOLD = ("trouble", "listeners")


class State(StrEnum):
    """What a role is doing, in the words the console shows."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    UNRESPONSIVE = "unresponsive"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCommand:
    """How to start a role and how to ask it for its health.

    Attributes:
        name: The role.
        command: Program and arguments.
        health_url: Where it answers once it is ready.
        log_file: Where its output is appended; None for this process's own stdout.
    """

    name: str
    command: Sequence[str]
    health_url: str
    log_file: Path | None


class RoleFailed(Exception):
    """A role did not become ready at the first start."""


class _Role:
    """One role's process and its history."""

    def __init__(self, command: RoleCommand) -> None:
        self.command = command
        self.state = State.WAITING
        self.since = datetime.now(UTC)
        self.restarts = 0
        self.last_exit: int | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self.told: Mapping[str, object] = {}

    def become(self, state: State) -> None:
        """Enter a state, logged once."""
        if state is not self.state:
            self.state, self.since = state, datetime.now(UTC)
            ROLE_RUNNING.labels(role=self.command.name).set(state is State.RUNNING)
            log.info("role_changed", of=self.command.name, state=state.value)

    async def spawn(self) -> asyncio.subprocess.Process:
        """Start the process, in a session of its own so that Ctrl-C reaches only us."""
        self.ready.clear()
        self.become(State.STARTING)
        output = _open_log(self.command.log_file)
        try:
            self.process = await asyncio.create_subprocess_exec(
                *self.command.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()
        return self.process

    async def stop(self) -> None:
        """Ask the process to finish; after ``STOP_SECONDS`` end it."""
        process = self.process
        if process is None or process.returncode is not None:
            self.become(State.STOPPED)
            return
        self.become(State.STOPPING)
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            log.warning("role_killed", of=self.command.name, after_seconds=STOP_SECONDS)
            process.kill()
            await process.wait()
        self.become(State.STOPPED)

    def report(self) -> dict[str, object]:
        """This role's part of ``/healthz``, with what the role itself said last."""
        alive = self.process is not None and self.process.returncode is None
        return {
            "state": self.state.value,
            "since": self.since.isoformat(),
            "restarts": self.restarts,
            "last_exit": self.last_exit,
            "pid": self.process.pid if self.process is not None and alive else None,
            **self.told,
        }


class Supervisor:
    """Runs the given roles; for the loop."""

    def __init__(self, commands: Sequence[RoleCommand]) -> None:
        self._roles = [_Role(command) for command in commands]
        self._stopping = False

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Start every role in order, keep them running, and stop them in reverse when cancelled.

        Raises:
            RoleFailed: A role ended or stayed silent before it was ready for the first time.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for role in self._roles:
                    tasks.create_task(self._keep(role), name=f"keep-{role.command.name}")
                    await self._first_start(role)
                on_ready()
        except* RoleFailed as failures:
            raise failures.exceptions[0] from None
        finally:
            self._stopping = True
            for role in reversed(self._roles):
                await role.stop()

    def report(self) -> tuple[bool, Mapping[str, object]]:
        """Whether every role runs without trouble, and the state of each."""
        healthy = all(
            role.state is State.RUNNING and "trouble" not in role.told for role in self._roles
        )
        roles = {role.command.name: role.report() for role in self._roles}
        return healthy, {"status": "ok" if healthy else "degraded", "roles": roles}

    async def _first_start(self, role: _Role) -> None:
        """Wait until a role is ready; it must not need a second attempt."""
        try:
            async with asyncio.timeout(START_SECONDS):
                while not role.ready.is_set():
                    if role.restarts:
                        raise RoleFailed(_why(role, f"ended with status {role.last_exit}"))
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise RoleFailed(_why(role, f"was not ready after {START_SECONDS:.0f} s")) from None

    async def _keep(self, role: _Role) -> None:
        """Start a role again whenever it ends, until cancelled."""
        delay = FIRST_DELAY_SECONDS
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            process = await role.spawn()
            watcher = asyncio.create_task(self._watch(role), name=f"watch-{role.command.name}")
            try:
                role.last_exit = await process.wait()
            finally:
                watcher.cancel()
            role.told = {name: text for name, text in role.told.items() if name == "trouble"}
            role.restarts += 1
            ROLE_RESTARTS.labels(role=role.command.name).inc()
            role.become(State.RESTARTING)
            if clock() - started > STEADY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            log.warning(
                "role_died", of=role.command.name, status=role.last_exit, restart_in_seconds=delay
            )
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)

    async def _watch(self, role: _Role) -> None:
        """Follow a process's health: often until it is ready, then every second."""
        failures = 0
        async with httpx.AsyncClient(timeout=3.0, trust_env=False) as client:
            while True:
                healthy, told = await _ask(client, role.command.health_url)
                if told is not None:
                    role.told = told
                failures = 0 if healthy else failures + 1
                if healthy:
                    role.become(State.RUNNING)
                    role.ready.set()
                elif role.ready.is_set() and failures >= 3:
                    role.become(State.UNRESPONSIVE)
                await asyncio.sleep(1.0 if role.ready.is_set() else 0.05)


async def _ask(client: httpx.AsyncClient, url: str) -> tuple[bool, Mapping[str, object] | None]:
    """Whether ``/healthz`` answers 200, and what it tells; None if it does not answer."""
    try:
        answer = await client.get(url)
    except httpx.HTTPError:
        return False, None
    try:
        body = answer.json()
    except ValueError:
        body = {}
    kept = {name: body[name] for name in TOLD if name in body} if isinstance(body, dict) else {}
    return answer.status_code == 200, kept


def _open_log(path: Path | None) -> IO[bytes] | None:
    """The file a role's output is appended to; a large one is set aside first.

    A role starts without one where there is none to be had: a full disk must not stop it.
    """
    if path is None:
        return None
    try:
        if path.is_file() and path.stat().st_size > LOG_FILE_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")
    except OSError as error:
        log.warning("log_file_refused", file=path.name, detail=str(error))
        return open(os.devnull, "ab")


def _why(role: _Role, what: str) -> str:
    """A sentence for the terminal, with the last lines the role wrote."""
    tail = ""
    if role.command.log_file is not None and role.command.log_file.is_file():
        lines = role.command.log_file.read_text(errors="replace").splitlines()[-12:]
        tail = "\n" + "\n".join(f"    {line}" for line in lines) + f"\n  {role.command.log_file}"
    return f"The {role.command.name} role {what}.{tail}"


def stop_on_signals(task: asyncio.Task[None]) -> None:
    """Let SIGINT and SIGTERM cancel a task, once each."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
