"""The Collector protocol: what the role that runs collectors may expect of each of them.

A collector knows one protocol of the outside world. It turns what arrives into records and hands
them to the ``Intake``; it decides nothing about the log, and no collector knows another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog

from pipeline.metrics import COLLECTOR_SERVING

log = structlog.get_logger()

State = Literal["starting", "serving", "draining", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a collector is, for ``/healthz``.

    Attributes:
        state: ``serving`` is the only healthy one.
        address: Where it listens, ``host:port``; empty if it does not listen.
        detail: What a person should know: connections, a target that is down.
    """

    state: State
    address: str = ""
    detail: str = ""


class Life:
    """Where a collector is between its start and its end: for its health, a metric and the log.

    Attributes:
        state: The state of now.
    """

    def __init__(self, collector: str) -> None:
        self.state: State = "starting"
        self._collector = collector

    def serve(self, **where: object) -> None:
        """Senders are served from now on; what else is known goes into the log."""
        self.state = "serving"
        COLLECTOR_SERVING.labels(self._collector).set(1)
        log.info("collector_started", collector=self._collector, **where)

    def drain(self) -> None:
        """Nothing new is taken from now on."""
        self.state = "draining"
        COLLECTOR_SERVING.labels(self._collector).set(0)

    def stop(self) -> None:
        """Nothing is inside any more."""
        self.state = "stopped"


class Collector(Protocol):
    """One way into Tocsin."""

    @property
    def name(self) -> str:
        """The value of the ``collector`` label of its metrics."""
        ...

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Collect until cancelled; then take nothing new, finish what is inside, and return.

        Args:
            ready: Called once, when senders are served.

        Raises:
            OSError: The address cannot be listened on.
        """
        ...

    def health(self) -> Health:
        """The state of now; cheap."""
        ...
