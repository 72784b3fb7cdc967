"""A broker of ours on a loop and a thread of its own, for clients that block."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from broker_core.broker import Broker
from broker_core.replication.node import Membership
from broker_core.settings import BrokerSettings

SECONDS = 60

Run = Callable[[Coroutine[Any, Any, None]], None]


class BrokerThread:
    """A context manager: serving between enter and exit.

    Attributes:
        broker: The broker itself, for what only its own process can see.
    """

    broker: Broker

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        run: Run = asyncio.run,
        membership: Membership | None = None,
    ) -> None:
        """Prepare.

        Args:
            run: ``asyncio.run`` or ``uvloop.run``.
            membership: The cluster to join; None: it is alone.
        """
        self._settings = settings
        self._membership = membership
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        assert self._ready.wait(SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop in order."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    @property
    def address(self) -> str:
        """``127.0.0.1:<port>``."""
        return f"127.0.0.1:{self.broker.port}"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with Broker(self._settings, membership=self._membership) as self.broker:
            self._ready.set()
            await self._stop.wait()
