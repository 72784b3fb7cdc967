"""What every page shows of the whole: the roles, and how many alerts wait.

The supervisor knows the roles; one task asks it for all pages, so that no page waits for it.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx
import msgspec
import structlog

from pipeline.errors import PipelineError
from web.settings import WebSettings

log = structlog.get_logger()

MOST_STATUS_BYTES = 64 << 10
EVERY_SECONDS = 1.0
WORST_FIRST = ("failed", "late", "silent", "ok")
COUNT_EVERY = 3


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a role listens on.

    Attributes:
        state: ``serving`` is the healthy one.
        address: ``host:port``; empty if it only fetches.
        detail: What a person should know.
    """

    state: str
    address: str = ""
    detail: str = ""


class RoleState(msgspec.Struct, frozen=True, kw_only=True):
    """A role as its supervisor sees it.

    Attributes:
        state: starting, running, restarting or stopped.
        restarts: Since the supervisor started.
        since: When this state began; None if it was not said.
        trouble: Why it does not do all of its work, or why it ended; None if it does.
        listeners: What it listens on, by name; empty if it did not say.
    """

    state: str
    restarts: int = 0
    since: datetime | None = None
    trouble: str | None = None
    listeners: dict[str, Listener] = {}

    @property
    def dot(self) -> str:
        """How the state looks."""
        if self.state == "running":
            return "late" if self.trouble else "ok"
        return "failed" if self.state in ("stopped", "failed") else "late"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor answers."""

    status: str
    roles: dict[str, RoleState] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The whole at a glance.

    Attributes:
        roles: By name, in starting order; empty while the supervisor has not answered.
        reachable: Whether the supervisor answered the last time.
        open_alerts: That nobody has taken; None while the store does not answer.
        checked: When.
    """

    roles: Mapping[str, RoleState] = field(default_factory=dict)
    reachable: bool = False
    open_alerts: int | None = None
    checked: datetime | None = None

    @property
    def dot(self) -> str:
        """How the roles together look."""
        if not self.reachable:
            return "silent"
        return _worst({role.dot for role in self.roles.values()}, "ok")

    @property
    def log_dot(self) -> str:
        """How the log looks: its broker, or the worst of its nodes and their controller."""
        return _worst({role.dot for name, role in self.roles.items() if is_of_log(name)}, "silent")

    @property
    def sentence(self) -> str:
        """How the roles are, in words."""
        if not self.reachable:
            return "State of roles unknown"
        troubled = [name for name, role in self.roles.items() if role.dot != "ok"]
        if not troubled:
            return f"All {len(self.roles)} roles running"
        if len(troubled) == 1:
            name = troubled[0]
            role = self.roles[name]
            return f"{name.capitalize()} {role.state}" + (
                f": {role.trouble}" if role.trouble else ""
            )
        return f"{len(troubled)} of {len(self.roles)} roles in trouble"


def is_of_log(process: str) -> bool:
    """Whether a process is part of our own log.

    >>> [is_of_log(name) for name in ("broker", "broker-2", "controller", "web")]
    [True, True, True, False]
    """
    return process == "controller" or process.partition("-")[0] == "broker"


def _worst(dots: Collection[str], if_none: str) -> str:
    return next((dot for dot in WORST_FIRST if dot in dots), if_none)


class Watch:
    """Keeps ``standing`` fresh while ``run`` runs. For the loop.

    Args:
        count_open: How many alerts are open; raises PipelineError while it cannot say.

    Attributes:
        standing: The newest look.
        changed: Called when the roles are not as they were.
    """

    def __init__(
        self,
        settings: WebSettings,
        count_open: Callable[[], Awaitable[int]],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._count_open = count_open
        self._clock = clock
        self.standing = Standing()
        self.changed: Callable[[], None] = lambda: None

    async def run(self) -> None:
        """Look at the roles every second and count the alerts every third time, until cancelled."""
        async with httpx.AsyncClient(trust_env=False) as client:
            for look in itertools.count():
                await self.look(client)
                if look % COUNT_EVERY == 0:
                    await self.count()
                await asyncio.sleep(EVERY_SECONDS)

    async def look(self, client: httpx.AsyncClient) -> Standing:
        """Look at the roles now."""
        status = await read_status(client, self._settings)
        before = self.standing
        self.standing = replace(
            before,
            roles=status.roles if status else {},
            reachable=status is not None,
            checked=self._clock(),
        )
        if (before.roles, before.reachable) != (self.standing.roles, self.standing.reachable):
            self.changed()
        return self.standing

    async def count(self) -> Standing:
        """Count the open alerts again; after somebody changed one."""
        try:
            count = await self._count_open()
        except PipelineError:
            count = None
        self.standing = replace(self.standing, open_alerts=count)
        return self.standing


async def read_status(client: httpx.AsyncClient, settings: WebSettings) -> Status | None:
    """What the supervisor says; None if it does not answer in time or in its words."""
    timeout = settings.status_timeout.total_seconds()
    try:
        async with (
            asyncio.timeout(timeout),
            client.stream("GET", settings.status_url, timeout=timeout) as response,
        ):
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MOST_STATUS_BYTES:
                    return None
        return msgspec.json.decode(body, type=Status)
    except (httpx.HTTPError, TimeoutError, msgspec.MsgspecError):
        return None
